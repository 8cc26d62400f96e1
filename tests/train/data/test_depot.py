"""Data come from wherever they are kept, once, and only with the digest that was pinned."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from goldenpath.compose import locate
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput, NotFound, Unavailable
from goldenpath.oci.descriptor import EMPTY, EMPTY_CONTENT, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.project.data_digest import digest_data
from goldenpath.project.spec import DataSource
from goldenpath.settings import Home, ObjectStore
from goldenpath.train.data.depot import TITLE, Depot, bring
from tests.programs import program
from tests.train.buckets import buckets, fill
from tests.train.conftest import Quick


def depot(folder: Path, said: list[str] | None = None, objects: ObjectStore | None = None) -> Depot:
    heard = said if said is not None else []
    return Depot(
        folder / "depot",
        lambda reference: locate(reference, Home(folder / "home")),
        objects or ObjectStore(),
        heard.append,
    )


def make_months(folder: Path) -> Path:
    """A folder of data, always the same."""
    for name in ("04.csv", "05.csv", "late/06.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"month\n{name}\n" * 100)
    return folder


@pytest.fixture
def months(tmp_path: Path) -> Path:
    return make_months(tmp_path / "origin" / "months")


def source(path: str, like: Path) -> DataSource:
    return DataSource("months", path, digest_data(like).digest.text)


def test_data_of_the_project_are_used_where_they_are(months: Path, tmp_path: Path) -> None:
    found = bring(months.parent, source("months", months), depot(tmp_path))

    assert found == months
    assert not (tmp_path / "depot").exists()


def test_what_is_at_a_url_is_fetched_once(months: Path, tmp_path: Path) -> None:
    said: list[str] = []
    wanted = source(f"file://{months}", months)

    first = bring(tmp_path, wanted, depot(tmp_path, said))
    again = bring(tmp_path, wanted, depot(tmp_path, said))

    assert first == again
    assert digest_data(first).digest.text == wanted.digest
    assert said == [f"fetching file://{months}"]


def test_a_single_file_at_a_url_keeps_its_name(months: Path, tmp_path: Path) -> None:
    file = months / "04.csv"

    found = bring(tmp_path, source(f"file://{file}", file), depot(tmp_path))

    assert (found.name, found.read_bytes()) == ("04.csv", file.read_bytes())


def test_what_is_not_what_was_pinned_is_refused_and_not_kept(months: Path, tmp_path: Path) -> None:
    wanted = source(f"file://{months}", months)
    (months / "04.csv").write_text("other")

    with pytest.raises(InvalidInput, match="is not what was pinned"):
        bring(tmp_path, wanted, depot(tmp_path))

    assert [path.suffix for path in (tmp_path / "depot").iterdir()] == [".lock"]


def test_an_interrupted_transfer_goes_on(months: Path, tmp_path: Path) -> None:
    wanted, place = source(f"file://{months}", months), depot(tmp_path)
    bring(tmp_path, wanted, place)
    (kept,) = (path for path in place.folder.iterdir() if path.is_dir())
    (lock,) = place.folder.glob("*.lock")
    kept.rename(lock.with_suffix(".partial"))
    cut = lock.with_suffix(".partial") / "months" / "05.csv"
    cut.write_bytes(cut.read_bytes()[:100])
    stays = (cut.parent / "04.csv").stat().st_mtime_ns

    found = bring(tmp_path, wanted, place)

    assert digest_data(found).digest.text == wanted.digest
    assert (found / "04.csv").stat().st_mtime_ns == stays


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("file:///nowhere/at-all", NotFound, "is not there"),
        ("gopher://host/data", InvalidInput, "Protocol not known"),
        ("layout:nowhere@sha256:" + "0" * 64, NotFound, "0000"),
    ],
)
def test_what_cannot_be_had_is_said(
    tmp_path: Path, path: str, error: type[GoldenPathError], said: str
) -> None:
    with pytest.raises(error, match=said):
        bring(tmp_path, DataSource("x", path, Digest.of(b"").text), depot(tmp_path))


@pytest.fixture
def web(months: Path) -> Iterator[str]:
    """A web server of the standard library."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(months.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_data_behind_a_web_server_are_fetched(months: Path, tmp_path: Path, web: str) -> None:
    pytest.importorskip("aiohttp", reason="NOT TESTED over http: fsspec needs aiohttp for it")
    file = months / "04.csv"

    found = bring(tmp_path, source(f"{web}/months/04.csv", file), depot(tmp_path))

    assert found.read_bytes() == file.read_bytes()


def test_files_in_an_archive_are_fetched_by_fsspec(months: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "months"), "zip", months)

    found = bring(tmp_path, source(f"zip://late/06.csv::{packed}", months / "late/06.csv"),
                  depot(tmp_path))  # fmt: skip

    assert found.read_bytes() == (months / "late/06.csv").read_bytes()


def artifact(store: Store, files: dict[str, bytes]) -> Digest:
    layers = []
    for name, content in files.items():
        layer = Descriptor.of("application/octet-stream", content)
        store.push(layer, [content])
        layers.append(replace(layer, annotations={TITLE: name}))
    empty = Descriptor.of(EMPTY, EMPTY_CONTENT)
    store.push(empty, [EMPTY_CONTENT])
    content = Manifest(empty, tuple(layers), artifact_type="application/vnd.example").render()
    made = Descriptor.of(IMAGE_MANIFEST, content)
    store.push(made, [content])
    return made.digest


def test_files_of_an_artifact_are_data(months: Path, tmp_path: Path) -> None:
    files = {
        path.relative_to(months).as_posix(): path.read_bytes()
        for path in sorted(months.rglob("*.csv"))
    }
    digest = artifact(LayoutStore(tmp_path / "layout"), files)
    wanted = source(f"layout:{tmp_path}/layout@{digest}", months)

    found = bring(tmp_path, wanted, depot(tmp_path))

    assert digest_data(found).digest.text == wanted.digest


@pytest.mark.parametrize("name", ["../outside.csv", "/etc/passwd", "a/../../b"])
def test_an_artifact_whose_file_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    digest = artifact(LayoutStore(tmp_path / "layout"), {name: b"x", "b.csv": b"y"})
    wanted = DataSource("x", f"layout:{tmp_path}/layout@{digest}", Digest.of(b"").text)

    if name.startswith("/"):
        with pytest.raises(InvalidInput, match="is not what was pinned"):
            bring(tmp_path, wanted, depot(tmp_path))
    else:
        with pytest.raises(InvalidInput, match="outside"):
            bring(tmp_path, wanted, depot(tmp_path))
    assert not (tmp_path / "outside.csv").exists()


def test_oras_pushes_data_that_a_build_reads(months: Path, tmp_path: Path) -> None:
    oras = program("oras")
    names = ["04.csv", "05.csv", "late/06.csv"]
    done = subprocess.run(
        [oras, "push", "--oci-layout", f"{tmp_path}/layout:v1", *names, "--format", "json"],
        cwd=months, capture_output=True, check=True,
    )  # fmt: skip
    digest = json.loads(done.stdout)["digest"]

    wanted = source(f"layout:{tmp_path}/layout@{digest}", months)
    found = bring(tmp_path, wanted, depot(tmp_path))

    assert digest_data(found).digest.text == wanted.digest


def test_a_training_reads_data_from_elsewhere_and_records_where(
    quick: Quick, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "lake" / "clients.parquet"
    elsewhere.parent.mkdir()
    (quick.folder / "data/clients.parquet").rename(elsewhere)
    quick.edit("goldenpath.toml", '"data/clients.parquet"', f'"file://{elsewhere}"\nkey = "client"')
    quick.write("assert Path(data['clients']).stat().st_size > 1_000_000")

    with pytest.raises(Unavailable, match="nothing is fetched here"):
        quick.train(tmp_path / "work")
    run = quick.train(tmp_path / "work", depot(tmp_path)).run

    (found,) = run.datasets
    assert (found.path, found.rows, found.repeated) == (f"file://{elsewhere}", 30_000, 0)


def test_what_was_fetched_and_then_changed_is_refused(quick: Quick, tmp_path: Path) -> None:
    elsewhere = tmp_path / "clients.parquet"
    (quick.folder / "data/clients.parquet").rename(elsewhere)
    quick.edit("goldenpath.toml", "data/clients.parquet", f"file://{elsewhere}")
    quick.write("data['clients'].open('ab').write(b'x')")

    # Where the kernel confines the training, it cannot even try.
    with pytest.raises(InvalidInput, match=r"has changed during the training|Permission denied"):
        quick.train(tmp_path / "work", depot(tmp_path))


POINTER = """\
outs:
- md5: {md5}
  size: 9
  hash: md5
  path: {path}
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose data a real DVC keeps and has pushed; its remote lies beside `.dvc`."""
    command, project = program("dvc"), tmp_path_factory.mktemp("dvc") / "project"
    make_months(project / "months")
    shutil.copy(project / "months" / "04.csv", project / "one.csv")
    for words in ("init --no-scm", "remote add -d store remote", "add months one.csv", "push"):
        done = subprocess.run(
            [command, *words.split(), "-q"],
            cwd=project, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "HOME": str(project.parent), "DVC_NO_ANALYTICS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return project


@pytest.mark.interop
def test_data_that_dvc_keeps_are_found_checked_out_in_its_cache_and_in_its_remote(
    kept: Path, months: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(kept, project)
    wanted = [source("months.dvc", months), source("one.csv.dvc", months / "04.csv")]

    assert [bring(project, each, depot(tmp_path / "a")) for each in wanted] == [
        project / "months",
        project / "one.csv",
    ]
    (project / "one.csv").unlink()
    shutil.rmtree(project / "months")
    cached = [bring(project, each, depot(tmp_path / "b")) for each in wanted]
    shutil.rmtree(project / ".dvc" / "cache")
    remote = [bring(project, each, depot(tmp_path / "c")) for each in wanted]

    for found in (cached, remote):
        digests = [digest_data(path).digest.text for path in found]
        assert digests == [each.digest for each in wanted]
        assert [path.name for path in found] == ["months", "one.csv"]


@pytest.mark.interop
def test_data_that_dvc_has_in_another_form_are_refused(
    kept: Path, months: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(kept, project)
    wanted = source("one.csv.dvc", months / "04.csv")
    (project / "one.csv").chmod(0o644)
    (project / "one.csv").write_text("changed")
    with pytest.raises(InvalidInput, match=r"not what one\.csv\.dvc names"):
        bring(project, wanted, depot(tmp_path))

    (project / "one.csv").unlink()
    for path in (project / ".dvc" / "cache").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"x")
    with pytest.raises(GoldenPathError, match="wrong MD5"):
        bring(project, wanted, depot(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("outs: []\n", "outs: expected a list with at least 1"),
        (POINTER.format(md5="abc", path="a"), r"outs\[0\].md5: expected a text like"),
        (POINTER.format(md5="a" * 32, path="../a"), "outside its folder"),
        ("not: [yaml", "a.dvc is not valid YAML"),
        (POINTER.format(md5="a" * 32, path="a"), "no repository of DVC"),
    ],
)
def test_a_pointer_that_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.dvc").write_text(text)

    with pytest.raises(GoldenPathError, match=said):
        bring(tmp_path, DataSource("a", "a.dvc", Digest.of(b"").text), depot(tmp_path))


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with buckets(tmp_path, monkeypatch) as address:
        yield address


@pytest.mark.interop
def test_data_in_a_bucket_are_fetched(months: Path, tmp_path: Path, s3: str) -> None:
    fill(s3, "bank", months)
    place = depot(tmp_path, objects=ObjectStore(s3, "eu-central-1"))

    folder = bring(tmp_path, source("s3://bank/", months), place)
    file = bring(tmp_path, source("s3://bank/04.csv", months / "04.csv"), place)

    assert (folder.name, file.name) == ("bank", "04.csv")
    with pytest.raises(NotFound, match="is not there"):
        bring(tmp_path, source("s3://bank/nothing/", months / "05.csv"), place)
    with pytest.raises((NotFound, Unavailable)):
        bring(tmp_path, source("s3://no-such-bucket/x", months / "05.csv"), place)
