"""Images: equal inputs give equal bytes, layers are reused, and other tools can read them."""

import gzip
import io
import json
import re
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.images.base_image import base_of_image, base_of_packages
from goldenpath.images.file_tree import TreeFile
from goldenpath.images.image_archive import write_archive
from goldenpath.images.image_bill import image_bill
from goldenpath.images.image_build import BuiltImage, ImagePlan, build_image, push_base
from goldenpath.images.image_role import INITIALIZER, JOBS, SERVER, ImageRole
from goldenpath.images.layer_cache import LayerCache
from goldenpath.images.python_packages import LOCK, WheelInstaller, locked_packages
from goldenpath.images.tree_layer import GZIP_LAYER, push_layer
from goldenpath.images.unpacked_image import unpack_layers
from goldenpath.oci.descriptor import IMAGE_LAYER, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import read
from goldenpath.oci.stores.memory import MemoryStore
from tests.images.packages import base
from tests.images.test_base_image import cached
from tests.starter import environment

ROLE = ImageRole("server", "a small server", "serve", ("rfc8785",), {"A": "1"}, (8080,))


def installer() -> WheelInstaller:
    from uv import find_uv_bin

    return WheelInstaller(find_uv_bin(), environment())


def build(cache: LayerCache, store: MemoryStore) -> tuple[ImagePlan, BuiltImage]:
    """A small image, with a package of the real lock and all of our code."""
    plan = ImagePlan.of(ROLE, base_of_packages(base()[0], cache), uv=False)
    return plan, build_image(plan, cache, installer(), store)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryStore, BuiltImage, ImagePlan]:
    store = MemoryStore()
    cache = cached(tmp_path_factory.mktemp("images"))
    plan, first = build(cache, store)
    again = build(cache, store)[1]
    assert again.image == first.image
    assert cache.reused == 3, "base, packages and code"
    return store, first, plan


def test_two_builds_of_the_same_inputs_are_equal_to_the_byte(
    made: tuple[MemoryStore, BuiltImage, ImagePlan], tmp_path: Path
) -> None:
    cache = cached(tmp_path)

    _, other = build(cache, MemoryStore())

    assert other.image.digest == made[1].image.digest
    assert cache.reused == 0


def test_an_image_runs_one_program_as_a_user_without_rights(
    made: tuple[MemoryStore, BuiltImage, ImagePlan],
) -> None:
    store, built, _ = made
    manifest = Manifest.parse(read(store, built.image, MAX_MANIFEST))
    config = json.loads(read(store, manifest.config, MAX_MANIFEST))

    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Entrypoint"] == ["/usr/local/bin/goldenpath", "serve"]
    assert "A=1" in config["config"]["Env"]
    assert config["rootfs"]["diff_ids"] == [
        Digest.of(gzip.decompress(b"".join(store.fetch(layer)))).text for layer in manifest.layers
    ]
    names = _names(store, manifest.layers[-1])
    assert any(name.endswith("goldenpath/cli/serve.py") for name in names)
    assert any(re.search(r"goldenpath/cli/__pycache__/serve\..*\.pyc$", name) for name in names)


def _names(store: MemoryStore, layer: Descriptor) -> list[str]:
    content = io.BytesIO(b"".join(store.fetch(layer)))
    with tarfile.open(fileobj=content, mode="r:gz") as archive:
        entries = archive.getmembers()
    assert {entry.mtime for entry in entries} == {0}
    assert {entry.mode & 0o7022 for entry in entries} == {0}, "nobody else writes, nobody changes"
    return [entry.name for entry in entries]


def test_the_bill_of_materials_is_valid_and_names_base_packages_and_code(
    made: tuple[MemoryStore, BuiltImage, ImagePlan],
) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    _, built, plan = made
    bill = image_bill(plan, built)
    purls = {str(each["purl"]).partition("@")[0] for each in built.components}

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    assert {"pkg:deb/debian/ca-certificates", "pkg:pypi/rfc8785", "pkg:pypi/goldenpath"} <= purls


def test_an_archive_holds_the_image_as_an_oci_layout(
    made: tuple[MemoryStore, BuiltImage, ImagePlan], tmp_path: Path
) -> None:
    store, built, _ = made
    name = "registry.example/goldenpath/server:1"
    write_archive(store, built.image, name, tmp_path / "image.tar")

    with tarfile.open(tmp_path / "image.tar") as archive:
        index = json.load(archive.extractfile("index.json"))  # type: ignore[arg-type]
        (entry,) = index["manifests"]
        content = archive.extractfile(f"blobs/sha256/{built.image.digest.hex}")
        assert content is not None
        assert Digest.of(content.read()) == built.image.digest
    assert entry["digest"] == built.image.digest.text
    assert entry["annotations"]["io.containerd.image.name"] == name
    assert [path.name for path in tmp_path.iterdir()] == ["image.tar"]


def test_an_image_builds_on_somebodys_base_by_digest(
    made: tuple[MemoryStore, BuiltImage, ImagePlan], tmp_path: Path
) -> None:
    store, _, plan = made
    cache = cached(tmp_path)
    theirs = push_base(base_of_packages(base()[0], cache), cache, store)

    taken = base_of_image(store, theirs.image, LayerCache(tmp_path / "other"))

    assert [layer.diff_id for layer in taken.layers] == [
        layer.diff_id for layer in plan.base.layers
    ]
    with pytest.raises(InvalidInput, match="is not an image"):
        broken = Manifest(Descriptor.of("application/vnd.oci.image.config.v1+json", b"{}"), ())
        store.push(broken.config, [b"{}"])
        image = Descriptor.of("application/vnd.oci.image.manifest.v1+json", broken.render())
        store.push(image, [broken.render()])
        base_of_image(store, image, cache)


@pytest.mark.parametrize("way", ["path", "link"])
def test_a_layer_that_leads_out_of_the_image_is_refused(tmp_path: Path, way: str) -> None:
    store, root = MemoryStore(), tmp_path / "root"
    root.mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        if way == "link":
            link = tarfile.TarInfo("out")
            link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
            archive.addfile(link)
        archive.addfile(tarfile.TarInfo("../x" if way == "path" else "out/x"))
    layer = store.add(IMAGE_LAYER, [buffer.getvalue()])

    with pytest.raises(VerificationError):
        unpack_layers(store, [layer], root)
    assert not (tmp_path / "x").exists()


def test_a_later_layer_removes_what_an_earlier_one_brought(tmp_path: Path) -> None:
    store, root = MemoryStore(), tmp_path / "root"
    root.mkdir()
    first = {"a/one": TreeFile(0o644, b"1"), "a/two": TreeFile(0o644, b"2"), "b": TreeFile(0o644)}
    second = {"a/.wh.one": TreeFile(0o644), "a/three": TreeFile(0o644, b"3")}
    layers = [push_layer(store, tree, "").blob for tree in (first, second)]

    unpack_layers(store, layers, root)

    assert sorted(path.name for path in (root / "a").iterdir()) == ["three", "two"]
    assert (root / "a").stat().st_mode & 0o777 == 0o755, "any user of the image can enter it"
    with pytest.raises(VerificationError):
        unpack_layers(store, [replace(layers[0], media_type="application/zip")], root)
    assert layers[0].media_type == GZIP_LAYER


def test_the_lock_of_the_server_has_the_versions_of_the_tests_and_no_build_tool() -> None:
    root = Path(__file__).parents[2]
    tested = {
        line.split(" ")[0]
        for line in (root / "requirements" / "dev.txt").read_text().splitlines()
        if "==" in line and not line.startswith(" ")
    }
    packages = locked_packages(LOCK.read_text(), uv=True)
    names = {package.name for package in packages}

    assert {f"{package.name}=={package.version}" for package in packages} <= tested
    refused = {"mlflow-skinny", "sqlalchemy", "alembic", "pip", "setuptools", "wheel", "hatchling"}
    assert not refused & names
    assert "uv" not in {package.name for package in locked_packages(LOCK.read_text())}
    assert set(INITIALIZER.packages) <= names
    of_jobs = locked_packages(LOCK.read_text(), JOBS.packages)
    assert {package.name for package in of_jobs} == set(JOBS.packages) and "pyyaml" not in names
    assert {f"{package.name}=={package.version}" for package in of_jobs} <= tested
    assert SERVER.packages == ()
    assert "http" not in re.sub(r"http-?transport|proto-http", "", LOCK.read_text())


_IMPORTS = """
import sys
import goldenpath.cli.judge, goldenpath.compose.canary_judge, goldenpath.compose.platform_changes
import goldenpath.canary.sources.joined_source, goldenpath.canary.sources.log_source
import goldenpath.observe.log.decrypted_inputs, goldenpath.parsers.yaml_builder
import goldenpath.cli.score, goldenpath.compose.callers.model_callers, uvloop
import goldenpath.serve.table.result_bucket
files = [getattr(each, "__file__", None) or "" for each in sys.modules.values()]
after = [file.split("site-packages/")[1] for file in files if "site-packages/" in file]
print(*{name.split("/")[0] for name in after})
"""


def test_the_image_of_the_jobs_has_every_package_that_judge_and_score_import() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORTS], capture_output=True, check=True)
    found = {name.partition(".")[0].lower() for name in done.stdout.decode().split()}

    of_package = {"backports": "backports-zstd", "opentelemetry": "opentelemetry-sdk",
                  "yaml": "pyyaml", "_cffi_backend": "cffi"}  # fmt: skip
    needed = {of_package.get(name, name).replace("_", "-") for name in found}
    # Both are there while we develop, and no module of ours imports them.
    assert needed - {"-distutils-hack", "cloudpickle", "-virtualenv"} <= set(JOBS.packages)


def test_a_package_with_another_hash_is_never_installed(tmp_path: Path) -> None:
    (package,) = locked_packages(LOCK.read_text(), ("rfc8785",))
    cheated = replace(package, text=f"{package.name}=={package.version} --hash=sha256:{'0' * 64}")
    (tmp_path / "site").mkdir()

    with pytest.raises(Unavailable, match="cannot be installed"):
        installer().install([cheated], tmp_path / "site", "lib", "3.11")
    with pytest.raises(VerificationError, match="no hash"):
        locked_packages("rfc8785==0.1.4\n")
