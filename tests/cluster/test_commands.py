"""The commands of the cluster on a machine without its parts."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cluster.__main__ import command, missing_parts


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("GOLDENPATH_CLUSTER_CACHE", str(tmp_path))
    return tmp_path


def test_without_its_parts_it_says_loudly_that_nothing_was_walked(cache: Path) -> None:
    result = CliRunner().invoke(command, ["walk", "--or-skip"])

    assert result.exit_code == 0
    assert result.output.startswith("NO CLUSTER WAS WALKED: not built: kube-apiserver, ")


def test_without_its_parts_a_walk_fails_and_names_what_to_run(cache: Path) -> None:
    result = CliRunner().invoke(command, ["walk"])

    assert result.exit_code == 1
    assert "python -m cluster build" in result.output or "needs root" in result.output


def test_a_part_that_is_there_is_not_missing(cache: Path) -> None:
    (cache / "bin").mkdir()
    (cache / "bin" / "kubectl").touch()

    missing = missing_parts(cache)

    assert "kubectl" not in missing
    assert {"kubelet", "own", "forky", "envoy", "moto"} <= set(missing)
