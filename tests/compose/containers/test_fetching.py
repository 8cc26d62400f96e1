"""The container before a server: it verifies, unpacks, and fails closed."""

import sys
from pathlib import Path

import pytest

from goldenpath.compose.containers.fetching import fetch_release
from goldenpath.compose.containers.release_finding import find_release
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.home import Home
from goldenpath.images.image_role import INITIALIZER
from goldenpath.processes.tool import ToolResult, run_tool
from goldenpath.release.artifact.unpacked import EVIDENCE
from tests.compose.containers.test_serving import Place, loaded, options, place
from tests.serve.process import packed

__all__ = ["place"]


def test_what_was_fetched_is_what_a_server_verifies(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "mnt"
    folder.mkdir()
    fetched = fetch_release(Home(tmp_path), place.layout, folder, place.trust)

    found = find_release(Home(tmp_path), options(str(folder), tmp_path), tmp_path, is_verified=True)

    assert (fetched.digest, fetched.mark) == (found.digest, "verified")
    assert (folder / "model.onnx").is_file()
    loaded(place, found.source, found.digest)


@pytest.mark.parametrize("left", ["whole", "partial"])
def test_a_container_that_starts_again_fills_its_folder_anew(
    place: Place, tmp_path: Path, left: str
) -> None:
    folder = tmp_path / "mnt"
    fetch_release(Home(tmp_path), place.layout, folder, place.trust)
    (folder / "model.onnx").write_bytes(b"other")
    if left == "partial":
        (folder / EVIDENCE).rename(folder / ".goldenpath-partial")

    fetch_release(Home(tmp_path), place.layout, folder, place.trust)

    assert (folder / "model.onnx").read_bytes() != b"other"
    assert not (folder / ".goldenpath-partial").exists()


def test_nothing_is_unpacked_that_was_not_verified(place: Place, tmp_path: Path) -> None:
    (tmp_path / "unsigned").mkdir()
    unsigned = packed(tmp_path / "unsigned", signed=False)
    theirs = f"layout:{unsigned.folder / 'registry'}@{unsigned.image.digest}"
    full = tmp_path / "full"
    full.mkdir()
    (full / "somebody's").write_text("")
    home, folder = Home(tmp_path), tmp_path / "mnt"

    with pytest.raises(InvalidInput, match="no trust file"):
        fetch_release(home, place.layout, folder, None)
    with pytest.raises(VerificationError, match="may not be used"):
        fetch_release(home, theirs, folder, place.trust)
    with pytest.raises(InvalidInput, match="a tag can move"):
        fetch_release(home, "oci://registry.example/ml/credit:v1", folder, place.trust)
    assert not folder.exists()
    with pytest.raises(InvalidInput, match="is not empty"):
        fetch_release(home, place.layout, full, place.trust)
    assert fetch_release(home, theirs, folder, None, is_unverified=True).mark == "observed"


_ALONE = """
import sys

packages = {"goldenpath", "_cffi_backend", *sys.argv.pop(1).split(",")}


class OnlyThese:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in packages and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"the image does not hold {name}", name=name)


sys.meta_path.insert(0, OnlyThese())
from goldenpath.cli.main import main

main()
"""


def test_it_needs_only_the_packages_that_its_image_holds(place: Place, tmp_path: Path) -> None:
    def fetched(source: str) -> ToolResult:
        packages = ",".join(INITIALIZER.packages)
        trust = ("--verify", str(place.trust))
        command = [sys.executable, "-c", _ALONE, packages, "fetch", source, str(tmp_path / "mnt")]
        return run_tool([*command, *trust])

    unreachable = f"goldenpath+oci://127.0.0.1:1/models/credit@sha256:{'0' * 64}"
    first, second = fetched(place.layout), fetched(unreachable)

    assert (first.exit_code, first.complaint) == (0, "")
    assert second.exit_code == Unavailable.exit_code, second.complaint
