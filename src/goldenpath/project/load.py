"""Reads `goldenpath.toml` and says everything that is wrong with it at once."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.parsers.fault import Fault
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.project.meaning import (
    FILE,
    contract_faults,
    data_faults,
    entry_faults,
    output_faults,
    slice_faults,
)
from goldenpath.project.schema import schema_faults
from goldenpath.project.spec import (
    EVALUATION,
    REFERENCE,
    Contract,
    DataSource,
    Project,
    Tier,
    Training,
)
from goldenpath.project.statements import REQUIRED, required_statements, statement_faults
from goldenpath.project.text import read_text

LOCK = "uv.lock"
UNPINNED = "sha256:" + 64 * "0"
"""Stands for the digest of data that nobody has pinned yet."""
T = TypeVar("T")


def load_project(root: Path) -> Project:
    """The project in the folder `root`.

    Raises `NotFound` if there is none, and `InvalidInput` that lists every fault of the
    declaration. Digests of data and statements of people are looked at by `faults`.
    """
    value = _declaration(root)
    found = tuple(_declared_faults(root, value, read=False))
    if found:
        listed = "\n".join(f"  {fault}" for fault in found)
        raise InvalidInput(
            f"{FILE} has {len(found)} fault{'s' if len(found) > 1 else ''}:\n{listed}",
            hint="goldenpath check lists them again, as JSON if asked",
        )
    return _project(root, value)


def faults(root: Path, now: datetime | None = None) -> tuple[Fault, ...]:
    """Everything that is wrong with the project: declaration, data, lock and statements.

    Review dates are compared if `now` is given. Raises `NotFound` if there is no project.
    """
    try:
        value = _declaration(root)
    except InvalidInput as error:
        return (Fault(FILE, "", "valid TOML", error.message),)
    found = list(_declared_faults(root, value, read=True))
    for file in (LOCK, "pyproject.toml"):
        if not (root / file).is_file():
            hint = "run uv lock" if file == LOCK else ""
            found.append(Fault(file, "", "a file that uv can read", "no such file", hint))
    tier, data = value.get("tier"), value.get("data")
    known: Tier = next((known for known in REQUIRED if known == tier), "low")
    names = tuple(data) if isinstance(data, Mapping) else ()
    found.extend(statement_faults(root, required_statements(known, names), now))
    return tuple(found)


def declared_data(root: Path) -> tuple[DataSource, ...]:
    """The data that a project names, wherever they are, pinned or not yet.

    Raises `NotFound` if there is no project, and `InvalidInput` if the section has faults.
    """
    value = _declaration(root)
    sources = {
        name: {"digest": UNPINNED, **entry} if isinstance(entry, Mapping) else entry
        for name, entry in _section(value, "data").items()
    }
    value["data"] = sources
    found = schema_faults(value, "goldenpath", FILE)
    wrong = [str(fault) for fault in found if fault.key.split(".")[0] == "data"]
    if wrong:
        raise InvalidInput("; ".join(wrong))
    return _data(value)


def _declaration(root: Path) -> dict[str, object]:
    path = root / FILE
    if not path.is_file():
        raise NotFound(
            f"{root} is not a project: expected {FILE} in it",
            hint="run the command in a project, or start one with goldenpath new NAME",
        )
    return parse_toml(read_text(path).encode(), str(path))


def _declared_faults(root: Path, value: Mapping[str, object], *, read: bool) -> Iterator[Fault]:
    wrong = schema_faults(value, "goldenpath", FILE)
    yield from wrong
    # A section of the wrong shape cannot be asked what it means; the others still can.
    bad = {fault.key.split(".")[0].split("[")[0] for fault in wrong}
    if "contract" not in bad:
        contract = _contract(value)
        yield from contract_faults(contract)
        if contract.python is not None:
            yield from entry_faults(root, contract.python.entry, "contract.python.entry")
    if "evaluation" not in bad:
        yield from slice_faults(*_slices(value))
        if evaluation := _evaluation(value):
            yield from entry_faults(root, evaluation, "evaluation.entry")
    if "training" not in bad:
        training, is_code = _training(value), "python" in _section(value, "contract")
        yield from entry_faults(root, training.entry, "training.entry")
        # What a model that is code is loaded from is nothing that can be guessed.
        is_said = not is_code or "outputs" in _section(value, "training")
        outputs = training.outputs if is_said else (REFERENCE, EVALUATION)
        yield from output_faults(outputs, is_code=is_code)
    if "data" not in bad:
        yield from data_faults(root, _data(value), read=read)


def _project(root: Path, value: Mapping[str, object]) -> Project:
    slices, protected = _slices(value)
    environment = _section(value, "environment")
    return Project(
        root=str(root.absolute()),
        name=str(value["name"]),
        tier=msgspec.convert(value["tier"], Tier),
        description=str(value["description"]),
        contract=_contract(value),
        training=_training(value),
        data=_data(value),
        slices=slices,
        evaluation=_evaluation(value),
        protected=protected,
        indexes=msgspec.convert(environment.get("indexes", ()), tuple[str, ...]),
    )


def _contract(value: Mapping[str, object]) -> Contract:
    section = {"monitor": {}, **_section(value, "contract"), "name": value.get("name", "")}
    return _convert(section, Contract)


def _training(value: Mapping[str, object]) -> Training:
    section = dict(_section(value, "training"))
    smoke = section.pop("smoke", {})
    return _convert({"parameters": {}, **section, "smoke_parameters": smoke}, Training)


def _data(value: Mapping[str, object]) -> tuple[DataSource, ...]:
    entries = _section(value, "data").items()
    return tuple(_convert({**_mapping(entry), "name": name}, DataSource) for name, entry in entries)


def _evaluation(value: Mapping[str, object]) -> str:
    return str(_section(value, "evaluation").get("entry", ""))


def _slices(value: Mapping[str, object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    section = _section(value, "evaluation")
    slices = msgspec.convert(section.get("slices", ()), tuple[str, ...])
    return slices, msgspec.convert(section.get("protected", ()), tuple[str, ...])


def _section(value: Mapping[str, object], name: str) -> Mapping[str, object]:
    return _mapping(value.get(name, {}))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _convert(value: Mapping[str, object], kind: type[T]) -> T:
    # The schema has been checked before, so a failure here is a bug and may show as one.
    return msgspec.convert(value, kind)
