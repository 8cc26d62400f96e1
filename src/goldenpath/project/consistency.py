"""Checks whether the parts of `goldenpath.toml` fit one another. A JSON schema cannot check this.

Each function takes one section that conforms to the schema, and yields its faults.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from goldenpath.errors import InvalidInput, did_you_mean
from goldenpath.parsers.fault import Fault
from goldenpath.parsers.typed import read_bounded
from goldenpath.project.data_digest import digest_data
from goldenpath.project.dvc_pointer import read_pointer
from goldenpath.project.links import first_link
from goldenpath.project.spec import (
    EVALUATION,
    FILE,
    MODEL,
    REFERENCE,
    Contract,
    DataSource,
    Feature,
    Training,
)
from goldenpath.project.task.category_cost import MOST_CODES
from goldenpath.project.task.task_faults import task_faults
from goldenpath.project.text import MAX_TEXT

_PINNED = re.compile(r"@sha256:[a-f0-9]{64}$")


def contract_faults(contract: Contract) -> Iterator[Fault]:
    """Yield repeated names and codes, contradictory features, and faults of the task."""
    again = {*_repeated(feature.name for feature in contract.features)}
    for position, feature in enumerate(contract.features):
        key = f"contract.features[{position}]"
        if position in again:
            yield Fault(FILE, f"{key}.name", "a unique name", f"{feature.name!r} again")
        yield from _code_faults(key, feature)
        yield from _feature_faults(key, feature)
    yield from task_faults(contract)
    codes = [reason.code for reason in contract.reasons.codes] if contract.reasons else []
    for position in _repeated(codes):
        key = f"contract.reasons.codes[{position}].code"
        yield Fault(FILE, key, "a unique code", f"{codes[position]!r} again")


def _repeated(names: Iterable[str]) -> Iterator[int]:
    """Yield the position of each name that stands earlier in the list already."""
    known = set[str]()
    for position, name in enumerate(names):
        if name in known:
            yield position
        known.add(name)


def _code_faults(key: str, feature: Feature) -> Iterator[Fault]:
    if feature.kind == "category" and not feature.categories:
        yield Fault(FILE, f"{key}.categories", "the allowed codes", "none")
    if feature.kind == "number" and feature.categories:
        yield Fault(FILE, f"{key}.categories", "no codes for kind number", "a list")
    if len(feature.categories) > MOST_CODES:
        expected = f"at most {MOST_CODES:,} codes"
        hint = "declare the common codes and one for all others, or use a number"
        yield Fault(FILE, f"{key}.categories", expected, f"{len(feature.categories):,}", hint)
    if feature.texts and len(feature.texts) < len(feature.categories):
        expected = "texts only, or numbers only"
        yield Fault(FILE, f"{key}.categories", expected, f"{list(feature.categories)}"[:60])
    if feature.texts and feature.labels:
        expected = "no labels: callers send the texts of the categories"
        yield Fault(FILE, f"{key}.labels", expected, f"{list(feature.labels)}"[:60])
    if feature.labels and len(feature.labels) != len(feature.categories):
        expected = f"{len(feature.categories)} labels, one for each code"
        yield Fault(FILE, f"{key}.labels", expected, f"{len(feature.labels)}")


def _feature_faults(key: str, feature: Feature) -> Iterator[Fault]:
    if feature.kind == "category" and feature.whole:
        yield Fault(FILE, f"{key}.whole", "kind number", "kind category")
    if feature.kind == "category" and feature.slices:
        expected = "no bounds for kind category: each of its codes is a slice"
        yield Fault(FILE, f"{key}.slices", expected, f"{list(feature.slices)}")
    if any(after <= before for before, after in pairwise(feature.slices)):
        yield Fault(FILE, f"{key}.slices", "rising numbers", f"{list(feature.slices)}")
    low, high = feature.minimum, feature.maximum
    if low is not None and high is not None and low > high:
        yield Fault(FILE, f"{key}.maximum", f"at least the minimum {low:g}", f"{high:g}")


def slice_faults(slices: Sequence[str], protected: Sequence[str]) -> Iterator[Fault]:
    """Yield the protected columns that are not among the slices."""
    for name in protected:
        if name not in slices:
            hint = did_you_mean(name, slices) or ""
            yield Fault(FILE, "evaluation.protected", "one of evaluation.slices", repr(name), hint)


def output_faults(outputs: Sequence[str], *, is_code: bool) -> Iterator[Fault]:
    """Yield the tables and model files that the declared outputs lack."""
    for name in (REFERENCE, EVALUATION, *(() if is_code else (MODEL,))):
        if name not in outputs:
            hint = did_you_mean(name, outputs) or ""
            expected = f"{name!r} among the outputs"
            yield Fault(FILE, "training.outputs", expected, f"{list(outputs)}", hint)
    if is_code and {*outputs} <= {REFERENCE, EVALUATION}:
        yield Fault(FILE, "training.outputs", "the files that the model is loaded from", "none")


def given_faults(
    training: Training, names: Sequence[str], *, evaluation: str = ""
) -> Iterator[Fault]:
    """Yield what is wrong with a given model; `names` are those of the declared data."""
    given, key = training.given, "training.given"
    if given is None:
        return
    if training.entry:
        expected = "no entry beside [training.given]: nothing is trained"
        yield Fault(FILE, "training.entry", expected, repr(training.entry))
    if evaluation:
        expected = "no entry beside [training.given]: the build writes the evaluation rows"
        yield Fault(FILE, "evaluation.entry", expected, repr(evaluation))
    for part in ("model", "rows", "evaluation"):
        name = str(getattr(given, part))
        if name and name not in names:
            hint = did_you_mean(name, names) or ""
            yield Fault(FILE, f"{key}.{part}", "a name of [data]", repr(name), hint)
    if given.model in (given.rows, given.evaluation):
        yield Fault(FILE, f"{key}.model", "other data than the rows", repr(given.model))
    if given.evaluation == given.rows:
        expected = "other data than training.given.rows, or nothing"
        yield Fault(FILE, f"{key}.evaluation", expected, repr(given.evaluation))


def entry_faults(root: Path, entry: str, key: str = "training.entry") -> Iterator[Fault]:
    """Yield a fault if the entry point is not a function of a module below `src/`."""
    module, _, function = entry.partition(":")
    path = root.joinpath("src", *module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file():
        yield Fault(FILE, key, f"a module at {file.relative_to(root)}", "no such file")
        return
    try:
        tree = ast.parse(read_bounded(file, MAX_TEXT))
    except (SyntaxError, ValueError, InvalidInput) as error:
        yield Fault(str(file.relative_to(root)), "", "valid Python", str(error))
        return
    except (RecursionError, MemoryError):  # how Python's parser ends on a deep nest
        yield Fault(str(file.relative_to(root)), "", "Python of less depth", "a nest")
        return
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if function not in names:
        hint = did_you_mean(function, names) or ""
        yield Fault(FILE, key, f"a function of {file.relative_to(root)}", repr(function), hint)


def data_faults(root: Path, sources: Sequence[DataSource], *, read: bool) -> Iterator[Fault]:
    """Yield data that are missing or outside the project and, if `read`, data with another digest.

    Data that are kept elsewhere are checked when they are fetched.
    """
    for source in sources:
        key, path = f"data.{source.name}", root / source.path
        if source.kind == "oci" and not _PINNED.search(source.path):
            expected = "a reference that ends with @sha256:…"
            yield Fault(FILE, f"{key}.path", expected, repr(source.path))
        if source.kind in ("oci", "url"):
            continue
        link = None if Path(source.path).is_absolute() else first_link(root, source.path)
        if link is not None:
            yield Fault(FILE, f"{key}.path", "no links on the way to data", f"the link {link!r}")
        elif not path.resolve().is_relative_to(root.resolve()):
            yield Fault(FILE, f"{key}.path", "a file inside the project", repr(source.path))
        elif not path.exists():
            yield Fault(FILE, f"{key}.path", "a file or folder", f"no such file: {source.path!r}")
        else:
            yield from _content_faults(root, source, key, read=read)


def _content_faults(root: Path, source: DataSource, key: str, *, read: bool) -> Iterator[Fault]:
    path = root / source.path
    try:
        if source.kind == "dvc":
            pointer = read_pointer(path)
            path = path.parent / pointer.path
        if not read or not path.exists():
            return
        digest = digest_data(path, pieces=source.pieces).digest.text
    except InvalidInput as error:
        yield Fault(FILE, f"{key}.path", "data that can be read", error.message, error.hint or "")
        return
    if digest != source.digest:
        hint = f"if this change is intended, run goldenpath data --pin {source.name}"
        yield Fault(FILE, f"{key}.digest", source.digest, digest, hint)
