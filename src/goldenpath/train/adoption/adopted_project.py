"""Writes the files of an adopted model into the folder of its new project."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from goldenpath.errors import InvalidInput
from goldenpath.files import publish
from goldenpath.parsers.toml_text import listed
from goldenpath.project.data_digest import digest_data, digest_file
from goldenpath.project.spec import FILE, MODEL, Contract, GivenModel
from goldenpath.project.task.metric_names import metric_names
from goldenpath.train.adoption.adopted_contract import (
    AdoptedContract,
    AdoptionWish,
    adopted_contract,
    plain_column,
)
from goldenpath.train.adoption.declaration_text import (
    Declared,
    DeclaredData,
    declaration_text,
    documents,
)
from goldenpath.train.adoption.inferred_features import seen_text


@dataclass(frozen=True, slots=True)
class Adoption:
    """A model and its rows that fit each other, before the project is written."""

    wish: AdoptionWish
    adopted: AdoptedContract
    table: pa.Table
    content: bytes
    """The model, as the project keeps it."""
    file: str = MODEL
    """Name of that file."""
    source: str = ""
    """Where the file came from, in words; if empty, it is the given one."""
    code: Mapping[str, str] = field(default_factory=dict)
    """Modules of the project's package."""
    dependencies: tuple[str, ...] = ()
    """The packages that they need, each with its version."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """The versions of all packages that opened the model."""

    @property
    def contract(self) -> Contract:
        """The contract of the model."""
        return self.adopted.contract

    def write(self, folder: Path) -> None:
        """Write declaration, data, model and the first documents of people."""
        (folder / "model").mkdir(exist_ok=True)
        for name, content in {**self.adopted.files, self.file: self.content}.items():
            publish(folder / "model" / name, content)
        self.write_code(folder)
        rows = self.write_rows(folder)
        wish = self.wish
        path = "model" if self.adopted.files else f"model/{self.file}"
        model = DeclaredData(
            "model", path, digest_data(folder / path).digest.text,
            "the model, trained elsewhere",
            self.source or f"the file {wish.model.name}, as it was given", licence=False,
        )  # fmt: skip
        given = GivenModel("model", "rows", wish.target, wish.key, wish.score)
        self.write_texts(folder, self.declared((model, rows), given))

    def declared(self, data: tuple[DeclaredData, ...], given: GivenModel | None) -> Declared:
        """Return what the declaration says."""
        wish, contract = self.wish, self.adopted.contract
        seen = {
            feature.part_of or feature.name: seen_text(self.table[column])
            for feature, column in zip(contract.features, self.adopted.columns, strict=True)
        }
        return Declared(
            contract,
            wish.tier,
            given,
            data,
            (self.file, *self.adopted.files),
            slices=tuple(dict.fromkeys((*wish.slices, *wish.protected))),
            protected=wish.protected,
            seen=seen,
        )

    def write_rows(self, folder: Path) -> DeclaredData:
        """Write the columns that the project keeps, and return how they are declared."""
        path = folder / "data" / "rows.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(self._kept_rows(), path, compression="zstd")
        wish = self.wish
        return DeclaredData(
            "rows", "data/rows.parquet", digest_file(path).text, "rows with their outcomes",
            f"the file {wish.rows.name}, as it was given", key=wish.key, time=wish.time,
        )  # fmt: skip

    def write_texts(self, folder: Path, declared: Declared) -> None:
        """Write the declaration and the documents that people fill."""
        publish(folder / FILE, declaration_text(declared).encode())
        datasets = tuple(data.name for data in declared.data if data.licence)
        metrics = metric_names(self.adopted.contract)
        for path, text in documents(self.wish.tier, metrics, datasets).items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            publish(target, text.encode())

    def write_code(self, folder: Path) -> None:
        """Write the modules that serve the model, and pin what they need."""
        package = folder / "src" / self.wish.name.replace("-", "_")
        for name, text in self.code.items():
            publish(package / name, text.encode())
        project = folder / "pyproject.toml"
        declared = project.read_text("utf-8")
        if self.dependencies:
            pinned = f"dependencies = {listed(self.dependencies)}"
            publish(project, declared.replace("dependencies = []", pinned, 1).encode())

    def _kept_rows(self) -> pa.Table:
        """Return the columns that the project keeps, features under their names.

        Other columns stay out: nobody needs them, and some are about people.
        """
        wish, features = self.wish, self.adopted.contract.features
        columns = {
            feature.part_of or feature.name: plain_column(feature, self.table[column])
            for feature, column in zip(features, self.adopted.columns, strict=True)
        }
        for name in sorted(wish.other_columns):
            if name in columns and self.adopted.columns.count(name) == 0:
                raise InvalidInput(
                    f"column {name!r} has the name of a feature: expected another one",
                    hint="rename it in the table",
                )
            columns.setdefault(name, self.table[name])
        return pa.table(columns)


def adopted_graph(wish: AdoptionWish, table: pa.Table) -> Adoption:
    """Return how the ONNX graph of `wish` is adopted. Raises `InvalidInput` if it does not fit."""
    content = wish.model.read_bytes()
    return Adoption(wish, adopted_contract(content, table, wish), table, content)
