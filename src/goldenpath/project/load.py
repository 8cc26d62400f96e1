"""Reads `goldenpath.toml`, and reports all its faults at once."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.parsers.fault import Fault
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.project.claims.statement_head import HEADER
from goldenpath.project.consistency import (
    contract_faults,
    data_faults,
    entry_faults,
    given_faults,
    output_faults,
    slice_faults,
)
from goldenpath.project.links import link_faults, refuse_links
from goldenpath.project.schema import schema_faults
from goldenpath.project.spec import (
    EVALUATION,
    FILE,
    REFERENCE,
    Contract,
    DataSource,
    Project,
    Tier,
    Training,
)
from goldenpath.project.statements import (
    REQUIRED,
    THRESHOLDS,
    RequiredStatement,
    StatementScene,
    required_statements,
    statement_faults,
)
from goldenpath.project.task.category_cost import code_notes, text_notes
from goldenpath.project.task.feature_parts import expanded, part_faults
from goldenpath.project.task.metric_names import limit_faults, limit_warnings
from goldenpath.project.task.task_faults import with_text_codes
from goldenpath.project.text import parse_statement, read_text
from goldenpath.stored_formats import PROJECT

LOCK = "uv.lock"
UNPINNED = "sha256:" + 64 * "0"
"""The digest of data that are not pinned yet."""
T = TypeVar("T")


class _Limit(msgspec.Struct):
    metric: str


def load_project(root: Path) -> Project:
    """Return the project in the folder `root`.

    Raises `NotFound` if there is no project. Raises `InvalidInput` with all faults of the
    declaration, and for links. It does not check the digests of data and the statements; `faults`
    does.
    """
    refuse_links(root)
    value = _declaration(root)
    declared = tuple(_declared_faults(root, value, read=False))
    if declared:
        listed = "\n".join(f"  {fault}" for fault in declared)
        raise InvalidInput(
            f"{FILE} has {len(declared)} fault{'s' if len(declared) > 1 else ''}:\n{listed}",
            hint="correct the file; goldenpath check lists the remaining faults",
        )
    return _project(root, value)


def read_declaration(root: Path) -> Project:
    """Return what `goldenpath.toml` in a folder declares, whatever else the folder holds.

    Raises as `load_project` does, but for the declaration alone.
    """
    value = _declaration(root)
    violations = schema_faults(value, "goldenpath", FILE)
    if violations:
        raise InvalidInput("; ".join(map(str, violations)))
    return _project(root, value)


def faults(
    root: Path, now: datetime | None = None, scene: StatementScene | None = None
) -> tuple[Fault, ...]:
    """Return all faults of the project: of its declaration, data, lock and statements.

    Dates of statements are compared if `now` is given, and their contents if `scene` is. Nothing
    is read if there are links among the files. Raises `NotFound` if there is no project.
    """
    links = tuple(link_faults(root))
    if links:
        return links
    try:
        value = _declaration(root)
    except InvalidInput as error:
        return (Fault(FILE, "", "valid TOML", error.message),)
    result = list(_declared_faults(root, value, read=True))
    for file in (LOCK, "pyproject.toml"):
        if not (root / file).is_file() and (file != LOCK or workspace_of(root) is None):
            hint = "run uv lock" if file == LOCK else ""
            result.append(Fault(file, "", "a file that uv can read", "no such file", hint))
    written = statement_faults(root, _required(value), now, scene)
    # Contract and limits are compared if they can be read, approved or not.
    is_readable = all(each.file != THRESHOLDS or each.key in HEADER for each in written)
    if is_readable and not result:
        result.extend(limit_faults(_contract(value), _limited(root), THRESHOLDS))
    return (*result, *written)


def required_here(root: Path) -> tuple[RequiredStatement, ...]:
    """Return the statements that the project asks of people. Raises as `read_declaration` does."""
    return _required(_declaration(root))


def _required(value: Mapping[str, object]) -> tuple[RequiredStatement, ...]:
    data = value.get("data")
    # An unknown tier is a fault already; the statements of every tier are checked all the same.
    tier: Tier = next((tier for tier in REQUIRED if tier == value.get("tier")), "low")
    # A model that was trained elsewhere is no data set, so it needs no datasheet.
    given = _mapping(_section(value, "training").get("given")).get("model")
    names = tuple(name for name in data if name != given) if isinstance(data, Mapping) else ()
    return required_statements(tier, names)


def warnings(root: Path) -> tuple[Fault, ...]:
    """Return what will close a gate later, although the project builds; none if it has faults."""
    try:
        contract, limits = read_declaration(root).contract, _limited(root)
    except (InvalidInput, NotFound, OSError, KeyError, msgspec.ValidationError):
        return ()  # `faults` says what is wrong
    return tuple(limit_warnings(contract, limits, THRESHOLDS))


def notes(root: Path) -> tuple[str, ...]:
    """Return what the declaration means where the model runs; none if it has faults."""
    try:
        contract = read_declaration(root).contract
    except (InvalidInput, NotFound, OSError):
        return ()  # `faults` says what is wrong
    return (*code_notes(contract), *text_notes(contract))


def _limited(root: Path) -> tuple[str, ...]:
    """Return the metrics that the limits of the project name."""
    limits = parse_statement(read_text(root / THRESHOLDS), THRESHOLDS)
    return tuple(limit.metric for limit in msgspec.convert(limits["metrics"], list[_Limit]))


def workspace_of(root: Path) -> Path | None:
    """Return the folder of the uv workspace whose lock a project without one has; None if none.

    Only folders of the project's repository count: a build knows no others.
    """
    own = root.resolve()
    for folder in (own, *own.parents):
        if folder != own and (folder / LOCK).is_file():
            return folder
        if (folder / ".git").exists():
            return None
    return None


def declared_data(root: Path) -> tuple[DataSource, ...]:
    """Return the data that a project declares, pinned or not.

    Raises `NotFound` if there is no project, and `InvalidInput` if the section `data` has faults.
    """
    value = _declaration(root)
    sources = {
        name: {"digest": UNPINNED, **entry} if isinstance(entry, Mapping) else entry
        for name, entry in _section(value, "data").items()
    }
    value["data"] = sources
    violations = schema_faults(value, "goldenpath", FILE)
    messages = [str(fault) for fault in violations if fault.key.split(".")[0] == "data"]
    if messages:
        raise InvalidInput("; ".join(messages))
    return _data(value)


def _declaration(root: Path) -> dict[str, object]:
    path = root / FILE
    if not path.is_file():
        raise NotFound(
            f"{root} is not a project: expected {FILE} in it",
            hint="run the command in a project, or start one with goldenpath new NAME",
        )
    value = parse_toml(read_text(path).encode(), str(path))
    PROJECT.refuse_newer(value.get("version"), FILE)
    return value


def _declared_faults(root: Path, value: Mapping[str, object], *, read: bool) -> Iterator[Fault]:
    violations = schema_faults(value, "goldenpath", FILE)
    yield from violations
    # A section that violates the schema cannot be converted; the other sections are checked on.
    malformed = {fault.key.split(".")[0].split("[")[0] for fault in violations}
    if "contract" not in malformed:
        contract = _contract(value)
        yield from part_faults(_section(value, "contract").get("features"))
        yield from contract_faults(contract)
        if contract.python is not None:
            yield from entry_faults(root, contract.python.entry, "contract.python.entry")
    if "evaluation" not in malformed:
        yield from slice_faults(*_slices(value))
        if evaluation := _evaluation(value):
            yield from entry_faults(root, evaluation, "evaluation.entry")
    if "training" not in malformed:
        training, is_code = _training(value), "python" in _section(value, "contract")
        yield from _source_faults(root, training, value)
        # The default names model.onnx, which a model that is code does not have.
        has_outputs = not is_code or "outputs" in _section(value, "training")
        outputs = training.outputs if has_outputs else (REFERENCE, EVALUATION)
        yield from output_faults(outputs, is_code=is_code)
    if "data" not in malformed:
        yield from data_faults(root, _data(value), read=read)


def _source_faults(root: Path, training: Training, value: Mapping[str, object]) -> Iterator[Fault]:
    """Yield what is wrong with where the model comes from: a function, or data."""
    if training.given is not None:
        names = tuple(_section(value, "data"))
        yield from given_faults(training, names, evaluation=_evaluation(value))
    elif not training.entry:
        expected = (
            "package.module:function, or [training.given] for a model that was trained before"
        )
        yield Fault(FILE, "training.entry", expected, "nothing")
    else:
        yield from entry_faults(root, training.entry, "training.entry")


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
        file_hosts=msgspec.convert(environment.get("file_hosts", ()), tuple[str, ...]),
    )


def _contract(value: Mapping[str, object]) -> Contract:
    given = _section(value, "contract")
    section = {"monitor": {}, "decision": None, **given, "name": value.get("name", "")}
    features = given.get("features")
    if isinstance(features, list):
        section["features"] = [
            with_text_codes(part) for feature in features for part in expanded(_mapping(feature))
        ]
    return _convert(section, Contract)


def _training(value: Mapping[str, object]) -> Training:
    section = dict(_section(value, "training"))
    smoke = section.pop("smoke", {})
    return _convert({"entry": "", "parameters": {}, **section, "smoke_parameters": smoke}, Training)


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
    # The schema was checked before, so a failure here is our bug: let it surface as one.
    return msgspec.convert(value, kind)
