"""The container before a server: it verifies, unpacks, and fails closed."""

from pathlib import Path

import pytest

from goldenpath.compose.containers.fetching import fetch_release
from goldenpath.compose.containers.release_finding import find_release
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.home import Home
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
