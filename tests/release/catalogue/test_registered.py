"""The content of a catalogue is read without MLflow, exactly as MLflow writes it."""

from pathlib import Path

import pytest

from goldenpath.errors import Unavailable
from goldenpath.release.catalogue.catalogue_process import Catalogue
from goldenpath.release.catalogue.database import read_registered
from goldenpath.release.catalogue.registered import Registered, RegisteredModel, models
from tests.release.catalogue.tables import copy_empty_catalogue
from tests.release.catalogue.test_catalogue import FIRST, SECOND, release


def test_versions_and_aliases_are_read_without_mlflow(tmp_path: Path) -> None:
    database = copy_empty_catalogue(tmp_path / "mlflow.db")
    with Catalogue(database, tmp_path / "files") as catalogue:
        catalogue.register(release(FIRST))
        catalogue.register(release(SECOND))
        catalogue.set_alias("credit", "test", SECOND.text)
        catalogue.set_alias("credit", "prod", FIRST.text)
        taken = catalogue.take_alias("credit", "prod")

    found = read_registered(tmp_path / "mlflow.db")

    both = frozenset({FIRST.text, SECOND.text})
    assert found == Registered({"credit": RegisteredModel({"test": SECOND.text}, both)})
    assert taken.number == "1"


def test_a_version_of_something_else_is_no_release() -> None:
    made = models([("credit", 1, FIRST.text), ("credit", 2, "")], [("credit", "dev", 2)])

    assert made == {"credit": RegisteredModel({"dev": ""}, frozenset({FIRST.text}))}


def test_without_a_database_there_is_nothing_to_compare(tmp_path: Path) -> None:
    assert read_registered(tmp_path / "none.db") == Registered()


def test_a_file_that_is_no_catalogue_is_reported(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"x" * 100)

    with pytest.raises(Unavailable, match="cannot be read"):
        read_registered(tmp_path / "other.db")
