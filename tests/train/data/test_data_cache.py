"""Data are fetched once from where they are kept, and refused if their digest is not the pinned."""

import hashlib
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
from goldenpath.home import Home
from goldenpath.oci.descriptor import EMPTY, EMPTY_CONTENT, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.project.data_digest import digest_data
from goldenpath.project.spec import DataSource
from goldenpath.settings import ObjectStore
from goldenpath.train.data.data_cache import TITLE, DataCache, fetch_data
from tests.programs import program
from tests.sizes import full_size
from tests.train.buckets import buckets, fill, put_empty
from tests.train.conftest import Quick


def data_cache(
    folder: Path, reports: list[str] | None = None, objects: ObjectStore | None = None
) -> DataCache:
    reports = reports if reports is not None else []
    return DataCache(
        folder / "data_cache",
        lambda reference: locate(reference, Home(folder / "home")),
        objects or ObjectStore(),
        reports.append,
    )


def make_months(folder: Path) -> Path:
    """Write a folder of data, always with the same content."""
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
    fetched = fetch_data(months.parent, source("months", months), data_cache(tmp_path))

    assert fetched == months
    assert not (tmp_path / "data_cache").exists()


def test_data_at_a_url_are_fetched_once(months: Path, tmp_path: Path) -> None:
    reports: list[str] = []
    pinned = source(f"file://{months}", months)

    first = fetch_data(tmp_path, pinned, data_cache(tmp_path, reports))
    second = fetch_data(tmp_path, pinned, data_cache(tmp_path, reports))

    assert first == second
    assert digest_data(first).digest.text == pinned.digest
    assert reports == [f"fetching file://{months}"]


def test_a_single_file_at_a_url_keeps_its_name(months: Path, tmp_path: Path) -> None:
    file = months / "04.csv"

    fetched = fetch_data(tmp_path, source(f"file://{file}", file), data_cache(tmp_path))

    assert (fetched.name, fetched.read_bytes()) == ("04.csv", file.read_bytes())


def test_data_with_another_digest_are_refused_and_not_kept(months: Path, tmp_path: Path) -> None:
    pinned = source(f"file://{months}", months)
    (months / "04.csv").write_text("other")

    with pytest.raises(InvalidInput, match="has the wrong digest"):
        fetch_data(tmp_path, pinned, data_cache(tmp_path))

    assert [path.suffix for path in (tmp_path / "data_cache").iterdir()] == [".lock"]


def test_an_interrupted_transfer_fetches_only_the_missing_files(
    months: Path, tmp_path: Path
) -> None:
    pinned, cache = source(f"file://{months}", months), data_cache(tmp_path)
    fetch_data(tmp_path, pinned, cache)
    (kept,) = (path for path in cache.folder.iterdir() if path.is_dir())
    (lock,) = cache.folder.glob("*.lock")
    kept.rename(lock.with_suffix(".partial"))
    truncated = lock.with_suffix(".partial") / "months" / "05.csv"
    truncated.write_bytes(truncated.read_bytes()[:100])
    complete = (truncated.parent / "04.csv").stat().st_mtime_ns

    fetched = fetch_data(tmp_path, pinned, cache)

    assert digest_data(fetched).digest.text == pinned.digest
    assert (fetched / "04.csv").stat().st_mtime_ns == complete


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("file:///nowhere/at-all", NotFound, "does not exist"),
        ("gopher://host/data", InvalidInput, "Protocol not known"),
        ("layout:nowhere@sha256:" + "0" * 64, NotFound, "0000"),
    ],
)
def test_data_that_cannot_be_fetched_are_an_error(
    tmp_path: Path, path: str, error: type[GoldenPathError], message: str
) -> None:
    with pytest.raises(error, match=message):
        fetch_data(tmp_path, DataSource("x", path, Digest.of(b"").text), data_cache(tmp_path))


@pytest.fixture
def web(months: Path) -> Iterator[str]:
    """Serve the data with the standard library's web server. Yields its address."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(months.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_data_behind_a_web_server_are_fetched(months: Path, tmp_path: Path, web: str) -> None:
    pytest.importorskip("aiohttp", reason="NOT TESTED over http: fsspec needs aiohttp for it")
    file = months / "04.csv"

    fetched = fetch_data(tmp_path, source(f"{web}/months/04.csv", file), data_cache(tmp_path))

    assert fetched.read_bytes() == file.read_bytes()


def test_files_in_an_archive_are_fetched_by_fsspec(months: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "months"), "zip", months)

    fetched = fetch_data(tmp_path, source(f"zip://late/06.csv::{packed}", months / "late/06.csv"),
                  data_cache(tmp_path))  # fmt: skip

    assert fetched.read_bytes() == (months / "late/06.csv").read_bytes()


def artifact(store: Store, files: dict[str, bytes]) -> Digest:
    layers = []
    for name, content in files.items():
        layer = Descriptor.of("application/octet-stream", content)
        store.push(layer, [content])
        layers.append(replace(layer, annotations={TITLE: name}))
    empty = Descriptor.of(EMPTY, EMPTY_CONTENT)
    store.push(empty, [EMPTY_CONTENT])
    content = Manifest(empty, tuple(layers), artifact_type="application/vnd.example").render()
    manifest = Descriptor.of(IMAGE_MANIFEST, content)
    store.push(manifest, [content])
    return manifest.digest


def test_files_of_an_artifact_are_data(months: Path, tmp_path: Path) -> None:
    files = {
        path.relative_to(months).as_posix(): path.read_bytes()
        for path in sorted(months.rglob("*.csv"))
    }
    digest = artifact(LayoutStore(tmp_path / "layout"), files)
    pinned = source(f"layout:{tmp_path}/layout@{digest}", months)

    fetched = fetch_data(tmp_path, pinned, data_cache(tmp_path))

    assert digest_data(fetched).digest.text == pinned.digest


@pytest.mark.parametrize("name", ["../outside.csv", "/etc/passwd", "a/../../b"])
def test_an_artifact_with_a_file_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    digest = artifact(LayoutStore(tmp_path / "layout"), {name: b"x", "b.csv": b"y"})
    pinned = DataSource("x", f"layout:{tmp_path}/layout@{digest}", Digest.of(b"").text)

    if name.startswith("/"):
        with pytest.raises(InvalidInput, match="has the wrong digest"):
            fetch_data(tmp_path, pinned, data_cache(tmp_path))
    else:
        with pytest.raises(InvalidInput, match="outside"):
            fetch_data(tmp_path, pinned, data_cache(tmp_path))
    assert not (tmp_path / "outside.csv").exists()


def test_data_that_oras_pushed_are_fetched(months: Path, tmp_path: Path) -> None:
    oras = program("oras")
    names = ["04.csv", "05.csv", "late/06.csv"]
    process = subprocess.run(
        [oras, "push", "--oci-layout", f"{tmp_path}/layout:v1", *names, "--format", "json"],
        cwd=months, capture_output=True, check=True,
    )  # fmt: skip
    digest = json.loads(process.stdout)["digest"]

    pinned = source(f"layout:{tmp_path}/layout@{digest}", months)
    fetched = fetch_data(tmp_path, pinned, data_cache(tmp_path))

    assert digest_data(fetched).digest.text == pinned.digest


def test_a_training_reads_data_outside_the_project_and_records_their_address(
    quick: Quick, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "lake" / "clients.parquet"
    elsewhere.parent.mkdir()
    (quick.folder / "data/clients.parquet").rename(elsewhere)
    quick.edit("goldenpath.toml", '"data/clients.parquet"', f'"file://{elsewhere}"\nkey = "client"')
    quick.write("assert Path(data['clients']).stat().st_size > 1_000_000")

    with pytest.raises(Unavailable, match="this command fetches no data"):
        quick.train(tmp_path / "work")
    run = quick.train(tmp_path / "work", data_cache(tmp_path)).run

    (dataset,) = run.datasets
    assert (dataset.path, dataset.rows, dataset.repeated) == (f"file://{elsewhere}", 30_000, 0)


def test_fetched_data_that_the_training_changes_are_refused(quick: Quick, tmp_path: Path) -> None:
    elsewhere = tmp_path / "clients.parquet"
    (quick.folder / "data/clients.parquet").rename(elsewhere)
    quick.edit("goldenpath.toml", "data/clients.parquet", f"file://{elsewhere}")
    quick.write("data['clients'].open('ab').write(b'x')")

    # Where the kernel confines the training, it cannot open the file for writing.
    with pytest.raises(InvalidInput, match=r"has changed during the training|Permission denied"):
        quick.train(tmp_path / "work", data_cache(tmp_path))


POINTER = """\
outs:
- md5: {md5}
  size: 9
  hash: md5
  path: {path}
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project whose data a real DVC keeps and has pushed. Its remote is beside `.dvc`."""
    command, project = program("dvc"), tmp_path_factory.mktemp("dvc") / "project"
    make_months(project / "months")
    shutil.copy(project / "months" / "04.csv", project / "one.csv")
    for arguments in ("init --no-scm", "remote add -d store remote", "add months one.csv", "push"):
        process = subprocess.run(
            [command, *arguments.split(), "-q"],
            cwd=project, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "HOME": str(project.parent), "DVC_NO_ANALYTICS": "1"},
        )  # fmt: skip
        assert process.returncode == 0, process.stderr
    return project


@pytest.mark.interop
@full_size("test_data_at_a_url_are_fetched_once")
def test_data_that_dvc_keeps_are_used_from_the_checkout_its_cache_and_its_remote(
    kept: Path, months: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(kept, project)
    pinned = [source("months.dvc", months), source("one.csv.dvc", months / "04.csv")]

    assert [fetch_data(project, data, data_cache(tmp_path / "a")) for data in pinned] == [
        project / "months",
        project / "one.csv",
    ]
    (project / "one.csv").unlink()
    shutil.rmtree(project / "months")
    cached = [fetch_data(project, data, data_cache(tmp_path / "b")) for data in pinned]
    shutil.rmtree(project / ".dvc" / "cache")
    remote = [fetch_data(project, data, data_cache(tmp_path / "c")) for data in pinned]

    for fetched in (cached, remote):
        digests = [digest_data(path).digest.text for path in fetched]
        assert digests == [data.digest for data in pinned]
        assert [path.name for path in fetched] == ["months", "one.csv"]


@pytest.mark.interop
def test_data_that_differ_from_their_dvc_file_are_refused(
    kept: Path, months: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(kept, project)
    pinned = source("one.csv.dvc", months / "04.csv")
    (project / "one.csv").chmod(0o644)
    (project / "one.csv").write_text("changed")
    with pytest.raises(InvalidInput, match=r"differs from one\.csv\.dvc: expected MD5"):
        fetch_data(project, pinned, data_cache(tmp_path))

    (project / "one.csv").unlink()
    for path in (project / ".dvc" / "cache").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"x")
    with pytest.raises(GoldenPathError, match="wrong MD5"):
        fetch_data(project, pinned, data_cache(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("outs: []\n", "outs: expected a list with at least 1"),
        (POINTER.format(md5="abc", path="a"), r"outs\[0\].md5: expected a text like"),
        (POINTER.format(md5="a" * 32, path="../a"), "outside its folder"),
        ("not: [yaml", "a.dvc is not valid YAML"),
        (POINTER.format(md5="a" * 32, path="a"), "no repository of DVC"),
    ],
)
def test_a_faulty_dvc_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.dvc").write_text(text)

    with pytest.raises(GoldenPathError, match=message):
        fetch_data(tmp_path, DataSource("a", "a.dvc", Digest.of(b"").text), data_cache(tmp_path))


@pytest.mark.parametrize("is_folder", [False, True])
def test_texts_with_windows_line_ends_are_found_as_dvc_2_named_them(
    tmp_path: Path, is_folder: bool
) -> None:
    text, unix = b"a,b\r\n1,2\r\n", hashlib.md5(b"a,b\n1,2\n").hexdigest()  # noqa: S324
    name, top = "rows.csv", unix
    cache = tmp_path / ".dvc" / "cache"
    objects = {unix: text}
    if is_folder:
        listed = json.dumps([{"md5": unix, "relpath": "one.csv"}]).encode()
        top, name = hashlib.md5(listed).hexdigest() + ".dir", "rows"  # noqa: S324
        objects[top] = listed
    for md5, content in objects.items():
        (cache / md5[:2]).mkdir(parents=True, exist_ok=True)
        (cache / md5[:2] / md5[2:]).write_bytes(content)
    (tmp_path / f"{name}.dvc").write_text(f"outs:\n- md5: {top}\n  size: 12\n  path: {name}\n")
    given = tmp_path / "given" / name
    (given / "one.csv" if is_folder else given).parent.mkdir(parents=True)
    (given / "one.csv" if is_folder else given).write_bytes(text)
    pinned = source(f"{name}.dvc", given)

    cached = fetch_data(tmp_path, pinned, data_cache(tmp_path / "cache"))
    assert digest_data(cached).digest.text == pinned.digest
    given.rename(tmp_path / name)

    assert fetch_data(tmp_path, pinned, data_cache(tmp_path / "other")) == tmp_path / name
    file = tmp_path / name / "one.csv" if is_folder else tmp_path / name
    file.write_bytes(b"a,b\r\n1,3\r\n")
    with pytest.raises(InvalidInput, match="expected MD5"):
        fetch_data(tmp_path, pinned, data_cache(tmp_path / "third"))


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with buckets(tmp_path, monkeypatch) as address:
        yield address


@pytest.mark.interop
def test_data_in_a_bucket_are_fetched(months: Path, tmp_path: Path, s3: str) -> None:
    fill(s3, "bank", months)
    cache = data_cache(tmp_path, objects=ObjectStore(s3, "eu-central-1"))

    folder = fetch_data(tmp_path, source("s3://bank/", months), cache)
    file = fetch_data(tmp_path, source("s3://bank/04.csv", months / "04.csv"), cache)

    assert (folder.name, file.name) == ("bank", "04.csv")
    # Tools that show folders put an empty object there, named as the prefix.
    put_empty(s3, "bank/late")
    late = fetch_data(tmp_path, source("s3://bank/late", months / "late"), cache)
    assert (late / "06.csv").is_file()
    with pytest.raises(NotFound, match="does not exist"):
        fetch_data(tmp_path, source("s3://bank/nothing/", months / "05.csv"), cache)
    with pytest.raises((NotFound, Unavailable)):
        fetch_data(tmp_path, source("s3://no-such-bucket/x", months / "05.csv"), cache)
