"""Adopts a training: its script is run in a sandbox once, and by every build on a part of the rows.

So the model is trained here, and the provenance says so. The script itself is kept as it is.
"""

import ast
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from goldenpath.errors import InvalidInput
from goldenpath.files import publish
from goldenpath.parsers.toml_text import listed
from goldenpath.project.data_digest import digest_file
from goldenpath.project.spec import Contract
from goldenpath.train.adoption.adopted_contract import AdoptionWish
from goldenpath.train.adoption.adopted_project import Adoption
from goldenpath.train.adoption.declaration_text import Declared, DeclaredData
from goldenpath.train.adoption.object_adoption import adopted_object
from goldenpath.train.adoption.training_script import requirements, training_script
from goldenpath.train.data.table_file import kind_of, read_table
from goldenpath.train.environment.uv_program import Uv

SAMPLE = 1000
"""Rows of the training on a sample."""
_WITHOUT_TIMES = (".onnx", ".txt", ".json")
"""Formats whose bytes depend on the model alone."""


@dataclass(frozen=True, slots=True)
class ScriptAdoption:
    """A training and its rows, before the project is written."""

    adoption: Adoption
    """The model that the script left, and its contract."""
    script: str
    packages: tuple[str, ...]
    """What the training needs, each with its version."""

    @property
    def contract(self) -> Contract:
        """The contract of the model."""
        return self.adoption.contract

    def write(self, folder: Path) -> None:
        """Write script, declaration, data and the first documents of people."""
        adoption, wish = self.adoption, self.adoption.wish
        package = folder / "src" / wish.name.replace("-", "_")
        publish(package / "script.py", self.script.encode())
        publish(package / "adopted.py", _constants(adoption).encode())
        adoption.write_code(folder)
        project = folder / "pyproject.toml"
        pinned = f"training = {listed(self.packages)}"
        publish(project, project.read_text("utf-8").replace("training = []", pinned, 1).encode())
        rows = adoption.write_rows(folder)
        copy = folder / "data" / f"given{wish.rows.suffix}"
        shutil.copyfile(wish.rows, copy)
        given = replace(
            rows, name="given", path=f"data/{copy.name}", digest=digest_file(copy).text,
            description="the rows as the script reads them", key="", time="",
        )  # fmt: skip
        self.adoption.write_texts(folder, self._declared((given, rows), package.name))

    def _declared(self, data: tuple[DeclaredData, ...], package: str) -> Declared:
        return replace(
            self.adoption.declared(data, None), entry=f"{package}.train:train", sample=SAMPLE,
            repeatable=self.adoption.file.endswith(_WITHOUT_TIMES),
        )  # fmt: skip


def adopted_script(
    wish: AdoptionWish, uv: Callable[[], Uv], report: Callable[[str], None]
) -> ScriptAdoption:
    """Run the script in a sandbox, and derive the contract from the model that it leaves.

    Raises `InvalidInput` if it cannot be run, or leaves no model.
    """
    script = training_script(wish.model)
    for sentence in script.to_clean:
        report(f"to clean: {sentence}")
    if kind_of(wish.rows) not in ("csv", "parquet"):
        raise InvalidInput(
            f"{wish.rows} is no CSV and no Parquet file: a build gives the script a part of it"
        )
    packages = wish.requirements or requirements(wish.model, script.text)
    report("reading the rows")
    table = read_table(wish.rows)
    with tempfile.TemporaryDirectory(prefix="goldenpath-script-") as scratch:
        copy = Path(scratch) / "script.py"
        copy.write_text(script.text, "utf-8")
        own = replace(
            wish, model=copy, requirements=packages, score="",
            rows_at=rows_at(script.text, wish.rows.name),
        )  # fmt: skip
        adoption = adopted_object(own, table, uv(), report)
    adoption = replace(adoption, wish=replace(adoption.wish, score="", rows=wish.rows))
    return ScriptAdoption(adoption, script.text, tuple(_pinned(packages, adoption)))


def rows_at(script: str, name: str) -> str:
    """Return where a script looks for the file `name`: the path that it writes, else the name.

    Raises `InvalidInput` for a path outside of its own folder, which a build cannot give it.
    """
    texts = (
        node.value
        for node in ast.walk(ast.parse(script))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    paths = (PurePosixPath(text.replace("\\", "/")) for text in texts if text.endswith(name))
    place = next((path for path in paths if path.name == name), PurePosixPath(name))
    if place.is_absolute() or ".." in place.parts or ":" in place.parts[0]:
        raise InvalidInput(
            f"the script reads {str(place)!r}: expected a path below its own folder",
            hint=f"let it read {name!r}: a build puts the rows there",
        )
    return str(place)


def _pinned(packages: tuple[str, ...], adoption: Adoption) -> Iterator[str]:
    for package in packages:
        name = re.split(r"[\[ =<>!~]", package, maxsplit=1)[0].lower().replace("_", "-")
        version = adoption.versions.get(name)
        yield package if version is None else f"{name}=={version}"


def _constants(adoption: Adoption) -> str:
    wish, contract = adoption.wish, adoption.adopted.contract
    names = [feature.part_of or feature.name for feature in contract.features]
    columns = dict(zip(names, adoption.adopted.columns, strict=True))
    slices = tuple(dict.fromkeys((*wish.slices, *wish.protected)))
    return (
        '"""What `goldenpath adopt` found. A person may change it."""\n\n'
        f"VARIABLE = {wish.variable!r}\n"
        '"""The variable that is the model; empty: the only one that can predict."""\n'
        f"ROWS_AT = {wish.rows_at!r}\n"
        '"""Where the script looks for the rows."""\n'
        f"TASK = {contract.task!r}\n"
        f"TARGET = {wish.target!r}\n"
        f"KEY = {wish.key!r}\n"
        f"FILE = {adoption.file!r}\n"
        '"""The form in which the model is kept."""\n'
        f"SLICES: tuple[str, ...] = {slices!r}\n"
        f"COLUMNS = {columns!r}\n"
        '"""The column that the model takes for each feature."""\n'
    )
