"""Reads a training script, or the code cells of a notebook, without running it. Pure.

What only a notebook understands is commented out and named, so that a person cleans it.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import parse_typed

SCRIPTS = (".py", ".ipynb")
_PACKAGES = {
    "sklearn": "scikit-learn",
    "xgboost": "xgboost-cpu",
    "yaml": "pyyaml",
    "PIL": "pillow",
    "dateutil": "python-dateutil",
    "imblearn": "imbalanced-learn",
    "category_encoders": "category-encoders",
}
"""The package of a module that has another name."""
TOOLS = ("joblib", "numpy", "onnx", "pandas", "pyarrow", "scikit-learn", "skl2onnx", "skops")
"""What writes the model and the tables, besides what the script imports."""
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?([ ]*[=<>!~].*)?")
_MAX_SCRIPT = 16 * 1024 * 1024


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str] = ""


class _Notebook(msgspec.Struct):
    cells: list[_Cell]


@dataclass(frozen=True, slots=True)
class TrainingScript:
    """The text of a script, and what a person should clean."""

    text: str
    to_clean: tuple[str, ...]
    """Sentences, each with its place."""


def is_script(path: Path) -> bool:
    """Return whether a file is a training and not a model, by its name."""
    return path.suffix in SCRIPTS


def training_script(path: Path) -> TrainingScript:
    """Return the script in a file. Raises `InvalidInput` if it is no Python."""
    with path.open("rb") as file:
        content = file.read(_MAX_SCRIPT + 1)
    if len(content) > _MAX_SCRIPT:
        raise InvalidInput(f"{path} is larger than {_MAX_SCRIPT} bytes")
    script = _of_notebook(content, path) if path.suffix == ".ipynb" else _of_text(content, path)
    _parsed(script.text, path)
    return TrainingScript(script.text, (*script.to_clean, *_habits(script.text)))


def requirements(path: Path, text: str) -> tuple[str, ...]:
    """Return the packages of a script: those of `requirements.txt` beside it, else its imports."""
    beside = path.with_name("requirements.txt")
    if beside.is_file():
        named = tuple(_listed(beside))
    else:
        modules = dict.fromkeys(_modules(_parsed(text, path), path.parent))
        named = tuple(_PACKAGES.get(module, module) for module in modules)
    known = {re.split(r"[\[ =<>!~]", name, maxsplit=1)[0].lower() for name in named}
    return (*named, *(name for name in TOOLS if name not in known))


def _of_text(content: bytes, path: Path) -> TrainingScript:
    try:
        return TrainingScript(content.decode("utf-8-sig"), ())
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text in UTF-8: {error}") from error


def _of_notebook(content: bytes, path: Path) -> TrainingScript:
    notebook = parse_typed(content, _Notebook, str(path))
    parts, to_clean = [f'"""The code cells of {path.name}, one after the other."""'], list[str]()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, 1):
        source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        lines = []
        is_whole = source.lstrip().startswith("%%")
        for place, line in enumerate(source.splitlines(), 1):
            if is_whole or line.lstrip().startswith(("%", "!", "?")) or line.rstrip().endswith("?"):
                to_clean.append(f"cell {number}, line {place} is no Python: {line.strip()[:80]}")
                indent = line[: len(line) - len(line.lstrip())]
                # `pass`, because the line may be all that a block has.
                lines.append(f"{indent}pass  # {line.strip()}")
            else:
                lines.append(line)
        parts.append("\n".join((f"# Cell {number}", *lines)))
    if not cells:
        raise InvalidInput(f"{path} has no cell of code")
    return TrainingScript("\n\n".join(parts) + "\n", tuple(to_clean))


def _parsed(text: str, path: Path) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        where = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        raise InvalidInput(f"{path} is no Python: {where}{error}") from error


def _modules(tree: ast.Module, folder: Path) -> Iterator[str]:
    """Yield the modules of other packages that a script imports."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            module = name.partition(".")[0]
            if (folder / f"{module}.py").exists() or (folder / module / "__init__.py").exists():
                raise InvalidInput(
                    f"the script imports {module}, a module beside it: expected one file",
                    hint="make it a package of a project: goldenpath new --template empty, then "
                    "move the modules into src",
                )
            if module and module not in sys.stdlib_module_names:
                yield module


def _habits(text: str) -> Iterator[str]:
    """Yield what in a script makes a build fail or differ."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if re.search(r"""["'](/|~/|[A-Za-z]:\\+)[A-Za-z]""", line):
            yield f"line {number} names a path of one machine: {line.strip()[:80]}"
        if re.search(r"\b(input|breakpoint)\(", line):
            yield f"line {number} waits for a person: {line.strip()[:80]}"
        if re.search(r"https?://", line) and "#" not in line.partition("http")[0]:
            yield f"line {number} may use the network, which a build has not: {line.strip()[:80]}"


def _listed(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8-sig").splitlines():
        plain = line.partition("#")[0].partition(";")[0].strip()
        if not plain:
            continue
        if _REQUIREMENT.fullmatch(plain) is None:
            raise InvalidInput(
                f"{path} has the line {plain[:80]!r}: expected packages with versions",
                hint="say them by --requirement instead",
            )
        yield plain
