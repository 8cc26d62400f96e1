"""Writes the files of an adopted model into the folder of its new project."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from goldenpath.errors import InvalidInput
from goldenpath.files import publish
from goldenpath.project.data_digest import digest_file
from goldenpath.project.spec import FILE, MODEL, GivenModel
from goldenpath.project.task.metric_names import metric_names
from goldenpath.train.adoption.adopted_contract import (
    AdoptedContract,
    AdoptionWish,
    adopted_contract,
    plain_column,
)
from goldenpath.train.adoption.declaration_text import Declared, declaration_text, documents
from goldenpath.train.adoption.inferred_features import seen_text
from goldenpath.train.data.table_file import read_table

MAX_MODEL = 2 * 1024 * 1024 * 1024
"""Bytes of the largest ONNX file; protocol buffers hold no more."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """A model and its rows that fit each other, before the project is written."""

    wish: AdoptionWish
    adopted: AdoptedContract
    table: pa.Table

    def write(self, folder: Path) -> None:
        """Write declaration, data, model and the first documents of people."""
        wish, contract = self.wish, self.adopted.contract
        (folder / "data").mkdir(exist_ok=True)
        (folder / "model").mkdir(exist_ok=True)
        shutil.copyfile(wish.model, folder / "model" / MODEL)
        table, given = self._kept_rows()
        pq.write_table(table, folder / "data" / "rows.parquet", compression="zstd")
        seen = {
            feature.name: seen_text(self.table[column])
            for feature, column in zip(contract.features, self.adopted.columns, strict=True)
        }
        declared = Declared(
            contract,
            wish.tier,
            given,
            model_path=f"model/{MODEL}",
            model_digest=digest_file(folder / "model" / MODEL).text,
            model_source=f"the file {wish.model.name}, as it was given",
            model_files=(MODEL,),
            rows_path="data/rows.parquet",
            rows_digest=digest_file(folder / "data" / "rows.parquet").text,
            rows_source=f"the file {wish.rows.name}, as it was given",
            time=wish.time,
            slices=tuple(dict.fromkeys((*wish.slices, *wish.protected))),
            protected=wish.protected,
            seen=seen,
        )
        publish(folder / FILE, declaration_text(declared).encode())
        for path, text in documents(wish.tier, metric_names(contract)).items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            publish(target, text.encode())

    def _kept_rows(self) -> tuple[pa.Table, GivenModel]:
        """Return the columns that the project keeps, and how it names them.

        Other columns stay out: nobody needs them, and some are about people.
        """
        wish, features = self.wish, self.adopted.contract.features
        columns = {
            feature.name: plain_column(feature, self.table[column])
            for feature, column in zip(features, self.adopted.columns, strict=True)
        }
        for name in sorted(wish.other_columns):
            if name in columns and self.adopted.columns.count(name) == 0:
                raise InvalidInput(
                    f"column {name!r} has the name of a feature: expected another one",
                    hint="rename it in the table",
                )
            columns.setdefault(name, self.table[name])
        given = GivenModel("model", "rows", wish.target, wish.key, wish.score)
        return pa.table(columns), given


def read_adoption(wish: AdoptionWish, report: Callable[[str], None]) -> Adoption:
    """Read the model and the rows, and derive the contract.

    Raises `InvalidInput` if they do not fit each other.
    """
    report("reading the rows")
    table = read_table(wish.rows)
    report("reading the model")
    if wish.model.stat().st_size > MAX_MODEL:
        raise InvalidInput(f"{wish.model} is larger than {MAX_MODEL} bytes")
    return Adoption(wish, adopted_contract(wish.model.read_bytes(), table, wish), table)
