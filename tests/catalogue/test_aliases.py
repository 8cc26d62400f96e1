"""Aliases are read without MLflow, and as MLflow writes them."""

from pathlib import Path

import pytest

from goldenpath.catalogue.aliases import read_aliases
from goldenpath.catalogue.process import Catalogue
from goldenpath.errors import Unavailable
from tests.catalogue.test_catalogue import FIRST, SECOND, release


def test_aliases_are_read_without_mlflow(tmp_path: Path) -> None:
    with Catalogue(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "files") as catalogue:
        catalogue.register(release(FIRST))
        catalogue.register(release(SECOND))
        catalogue.set_alias("credit", "test", SECOND.text)

    assert read_aliases(tmp_path / "mlflow.db") == {"credit": {"test": SECOND.text}}


def test_without_a_database_there_is_nothing_to_compare(tmp_path: Path) -> None:
    assert read_aliases(tmp_path / "none.db") == {}


def test_what_is_no_catalogue_is_said(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"x" * 100)

    with pytest.raises(Unavailable, match="cannot be read"):
        read_aliases(tmp_path / "other.db")
