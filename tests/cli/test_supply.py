"""The verbs that show, compare and move releases."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath.cli.main import cli
from goldenpath.errors import NotFound
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.pack import Packed, pack
from tests.oci.stores.fake_registry import fake_registry
from tests.release.artifact.made import contents


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose registry holds two releases."""
    _pack(tmp_path, "v1", b"model one")
    _pack(tmp_path, "v2", b"model two")
    return tmp_path / "home"


def _pack(folder: Path, tag: str, model: bytes) -> Packed:
    store = LayoutStore(folder / "home" / "registry")
    packed = pack(store, contents(folder / tag, model))
    store.tag(tag, packed.image)
    return packed


def _run(home: Path, *words: str) -> Result:
    environment = {"GOLDENPATH_HOME": str(home), "HOME": str(home)}
    return CliRunner().invoke(cli, words, env=environment, catch_exceptions=False)


def test_inspect_shows_layers_files_and_referrers(home: Path) -> None:
    shown = json.loads(_run(home, "inspect", "v1", "--output", "json").stdout)
    text = _run(home, "inspect", shown["digest"][7:17]).stdout

    assert [layer["title"] for layer in shown["layers"]] == ["model.onnx.tar", "goldenpath.tar"]
    assert shown["layers"][0]["files"][0]["path"] == "models/model.onnx"
    assert len(shown["referrers"]) == 1
    assert shown["digest"] in text
    assert "vnd.cncf.model.manifest" in text


def test_diff_names_what_changed_and_nothing_else(home: Path) -> None:
    shown = json.loads(_run(home, "diff", "v1", "v2", "--output", "json").stdout)

    assert [change["path"] for change in shown["changes"]] == ["models/model.onnx"]
    assert "no difference" in _run(home, "diff", "v1", "v1").stdout


def test_a_release_goes_to_a_registry_and_comes_back(home: Path, tmp_path: Path) -> None:
    with fake_registry() as registry:
        reference = f"{registry.address}/ml/credit"
        pushed = json.loads(_run(home, "push", "v1", f"{reference}:1.0", "--output", "json").stdout)
        again = json.loads(_run(home, "push", "v1", f"{reference}:1.0", "--output", "json").stdout)
        mounted = _run(home, "copy", f"oci://{reference}:1.0", f"oci://{reference}2:1.0")
        other = tmp_path / "other home"
        pulled = json.loads(
            _run(
                other, "pull", f"{reference}:1.0", "--unpack", str(tmp_path / "out"),
                "--output", "json",
            ).stdout
        )  # fmt: skip

    assert pushed["tags"] == ["1.0", "1.0-modelpack"]
    assert (again["blobs_copied"], again["bytes_copied"]) == (0, 0)
    assert mounted.exit_code == 0
    assert pulled["digest"] == pushed["digest"]
    assert pulled["tags"] == ["credit-1.0", "credit-1.0-modelpack"]
    assert (tmp_path / "out" / "models" / "model.onnx").read_bytes() == b"model one"
    assert LayoutStore(other / "registry").resolve("credit-1.0").digest.text == pushed["digest"]


def test_a_layout_is_a_place_to_copy_to(home: Path, tmp_path: Path) -> None:
    moved = _run(home, "copy", "v2", f"layout:{tmp_path}/usb stick@v2")

    assert "v2-modelpack" in moved.stdout
    assert LayoutStore(tmp_path / "usb stick").tags() == ("v2", "v2-modelpack")


def test_what_is_not_there_is_said(home: Path) -> None:
    with pytest.raises(NotFound, match="v9"):
        _run(home, "inspect", "v9")
