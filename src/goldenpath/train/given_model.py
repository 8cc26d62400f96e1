"""Takes a model that was trained elsewhere, and writes what a training would have left.

The model's files are copied as they are. The rows are put into the two tables: by the declared
second data set, or by a hash of the key, so that a row stays on its side whatever rows come later.
No program of the project runs. Nothing here says that the model was trained on these rows.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from goldenpath.errors import InvalidInput
from goldenpath.project.data_digest import digest_file
from goldenpath.project.spec import EVALUATION, REFERENCE, GivenModel, Project
from goldenpath.project.task.feature_parts import declared_names
from goldenpath.train.data.dataset import table_of
from goldenpath.train.data.table_file import Column
from goldenpath.train.training_run import GivenMaterial

SMOKE_ROWS = 500
"""Rows of each table in the run on a sample."""
KEY, TARGET, SCORE, TIME = "key", "target", "score", "time"
"""Columns of the tables beside features and slices."""


def write_given(project: Project, paths: Mapping[str, Path], output: Path, most: int = 0) -> None:
    """Write the model's files and both tables into `output`, with at most `most` rows each.

    `paths` are those of the declared data. Raises `InvalidInput` if a file or a column is missing,
    or if a table would be empty.
    """
    given = _given(project)
    _copy_model(paths[given.model], project, output)
    rows = _rows(project, paths, given.rows)
    if given.evaluation:
        parts = {REFERENCE: rows, EVALUATION: _rows(project, paths, given.evaluation)}
    else:
        is_held_out = pa.array(_held_out(rows[KEY], project.training.seed))
        parts = {
            REFERENCE: rows.filter(pc.invert(is_held_out)),
            EVALUATION: rows.filter(is_held_out),
        }
    for name, table in parts.items():
        if not table.num_rows:
            raise InvalidInput(
                f"the data {given.rows!r} leave no rows for {name}: expected some in both halves",
                hint="give more rows, or a second table by training.given.evaluation",
            )
        pq.write_table(table.slice(0, most) if most else table, output / name)


def given_materials(project: Project) -> tuple[GivenMaterial, ...]:
    """Return what was given instead of trained; empty for a training."""
    if project.training.given is None:
        return ()
    name = project.training.given.model
    return tuple(
        GivenMaterial(each.name, each.path, each.digest, each.source)
        for each in project.data
        if each.name == name
    )


def copied_materials(
    project: Project, source: Path, paths: Mapping[str, Path], output: Path
) -> tuple[GivenMaterial, ...]:
    """Return what a training only copied: files of the commit or of the data, byte for byte.

    Empty unless each file of the model is such a copy. A training that hides a copy is not found.
    """
    if project.training.given is not None:
        return ()
    places: dict[int, list[Path]] = {}
    for path in _files((source, *paths.values())):
        places.setdefault(path.stat().st_size, []).append(path)
    copied = []
    for name in project.training.model_files:
        file = output / name
        digest = digest_file(file)
        near = places.get(file.stat().st_size, [])
        original = next((path for path in near if digest_file(path) == digest), None)
        if original is None:
            return ()
        copied.append(GivenMaterial(name, original.name, digest.text, "copied by the training"))
    return tuple(copied)


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        listed = place.rglob("*") if place.is_dir() else (place,)
        yield from (path for path in listed if path.is_file() and not path.is_symlink())


def _given(project: Project) -> GivenModel:
    if project.training.given is None:
        raise TypeError("the project trains its model")
    return project.training.given


def _copy_model(path: Path, project: Project, output: Path) -> None:
    names = project.training.model_files
    if not path.is_dir() and len(names) != 1:
        raise InvalidInput(
            f"{path.name} is one file, and training.outputs names {len(names)} files of the model",
            hint="name one file of the model in training.outputs",
        )
    for name in names:
        source = path / name if path.is_dir() else path
        if not source.is_file():
            raise InvalidInput(
                f"the given model has no file {name}: expected it in {path.name}",
                hint="list exactly the files of the model in training.outputs of goldenpath.toml",
            )
        target = output / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _rows(project: Project, paths: Mapping[str, Path], name: str) -> pa.Table:
    """Return the columns of one data set that the evaluation needs, under its names."""
    given = _given(project)
    declared = next(source for source in project.data if source.name == name)
    dataset = table_of(paths[name])
    if dataset is None:
        raise InvalidInput(f"the data {name!r} hold no table: expected Parquet or CSV files")
    columns = dict(_columns(project, given, declared.time))
    known = {*dataset.schema.names}
    missing = sorted({column for column in columns.values() if column not in known})
    if missing:
        raise InvalidInput(
            f"the data {name!r} have no column {', '.join(missing)}: "
            f"expected the features, the slices and the target",
            hint=f"its columns are {', '.join(sorted(known))[:300]}",
        )
    try:
        table = dataset.to_table(columns=sorted({*columns.values()}))
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"the data {name!r} cannot be read: {error}") from error
    named = {column: table[source] for column, source in columns.items()}
    if not given.key:
        # Rows of two tables are different rows, so their numbers differ too.
        numbers = [f"{name}-{row}" for row in range(table.num_rows)]
        named = {KEY: pa.chunked_array([pa.array(numbers)]), **named}
    return pa.table(named)


def _columns(project: Project, given: GivenModel, time: str) -> Iterator[tuple[str, str]]:
    """Yield each column of the tables with the column of the data that it comes from."""
    if given.key:
        yield KEY, given.key
    yield TARGET, given.target
    if given.score:
        yield SCORE, given.score
    if time:
        yield TIME, time
    for name in declared_names(project.contract):
        yield name, name
    for name in project.slices:
        yield name, name


def _held_out(keys: Column, seed: int) -> list[bool]:
    """Return which rows are evaluation rows: about half, by a hash of their key."""
    salt = seed.to_bytes(8, "big")
    return [
        hashlib.blake2b(str(key).encode(), digest_size=1, key=salt).digest()[0] < 128
        for key in keys.to_pylist()
    ]
