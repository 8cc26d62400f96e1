"""Writes `goldenpath.toml` and the first documents of an adopted model. Pure.

What a person has to judge stays empty, so that `check` lists it and no gate takes it for written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from goldenpath.parsers.toml_text import listed, quoted
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import EVALUATION, REFERENCE, Contract, Feature, GivenModel, Tier
from goldenpath.project.statements import CARD, REQUIRED, THRESHOLDS
from goldenpath.project.task.feature_parts import DeclaredFeature, declared_features

_UNAPPROVED = "owner:\napproved_by:\napproved_on:\nreview_by:\n"


@dataclass(frozen=True, slots=True)
class DeclaredData:
    """Data or a model as the declaration names them."""

    name: str
    path: str
    digest: str
    description: str
    source: str
    """Where they came from, in words."""
    licence: bool = True
    """Whether a person has to write their licence."""
    key: str = ""
    """Name of the column that identifies rows."""
    time: str = ""
    """Name of the column with the time of each row."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Everything that the declaration of an adopted model says."""

    contract: Contract
    tier: Tier
    given: GivenModel | None
    """The model that was trained elsewhere, if none is trained here."""
    data: tuple[DeclaredData, ...]
    model_files: tuple[str, ...]
    entry: str = ""
    """The training, if the model is not given."""
    sample: int = 0
    """Rows of the training on a sample."""
    repeatable: bool = True
    slices: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    seen: Mapping[str, str] | None = None
    """What the rows showed of each feature, in words."""


def declaration_text(declared: Declared) -> str:
    """Return the text of `goldenpath.toml`."""
    return "\n".join(_lines(declared)) + "\n"


def documents(tier: Tier, metrics: tuple[str, ...], datasets: tuple[str, ...]) -> Mapping[str, str]:
    """Return the first texts of people by path, every field that people fill left empty."""
    sections = [each for each in REQUIRED[tier] if each.file == CARD]
    card = "\n".join(f"## {each.section}\n\n" for each in sections)
    possible = ", ".join(metrics)
    return {
        CARD: f"---\n{_UNAPPROVED}---\n# Model card\n\n{card}",
        "compliance/system.yaml": f"# H01: whose system this is, and which rules it falls under.\n"
        f"{_UNAPPROVED}provider:\n  name:\n  address:\n  role:\nannex_iii_point:\nreasoning:\n",
        "compliance/roles.yaml": f"# H15: who answers for what.\n{_UNAPPROVED}"
        "roles:\n  owner:\n  validator:\n  accountable_manager:\n",
        THRESHOLDS: "# H24: the limits that a release has to meet, such as\n"
        "#   - metric: NAME\n#     minimum: 0.8\n"
        f"# The metrics of this task: {possible}\n{_UNAPPROVED}metrics: []\n",
        **{
            f"compliance/datasets/{name}.md": f"---\n{_UNAPPROVED}---\n# Datasheet: {name}\n"
            for name in datasets
        },
    }


def _lines(declared: Declared) -> Iterator[str]:
    contract = declared.contract
    yield "# Written by `goldenpath adopt`. `goldenpath check` lists what people have to write."
    if declared.given is not None:
        yield "# The model was trained elsewhere: the build scores the rows and trains nothing."
    yield "version = 1"
    yield f"name = {quoted(contract.name)}"
    yield f"tier = {quoted(declared.tier)} # the strictest one, until a person decides"
    where = "was trained elsewhere" if declared.given is not None else "was adopted"
    yield f'description = "A model that {where}. What it is for is not written yet."'
    yield from _training_lines(declared)
    for data in declared.data:
        yield from _data_lines(data)
    if declared.slices:
        yield from ("", "[evaluation]", f"slices = {listed(declared.slices)}")
        if declared.protected:
            yield f"protected = {listed(declared.protected)}"
    yield from _contract_lines(contract)
    for each in declared_features(contract):
        feature = contract.features[each.start]
        yield from _feature_lines(feature, each, (declared.seen or {}).get(each.name, ""))


def _training_lines(declared: Declared) -> Iterator[str]:
    given = declared.given
    yield from (
        "",
        "[training]",
        *([f"entry = {quoted(declared.entry)}"] if declared.entry else []),
    )
    yield "seed = 1"
    yield f"outputs = {listed((*declared.model_files, REFERENCE, EVALUATION))}"
    if not declared.repeatable:
        yield "repeatable = false # the format of the model has times in it"
    if declared.sample:
        yield from ("", "[training.smoke]", f"sample = {declared.sample}")
    if given is None:
        return
    yield from ("", "[training.given]", f"model = {quoted(given.model)}")
    yield f"rows = {quoted(given.rows)}"
    for key in ("target", "key", "score"):
        if getattr(given, key):
            yield f"{key} = {quoted(getattr(given, key))}"


def _data_lines(data: DeclaredData) -> Iterator[str]:
    yield from ("", f"[data.{data.name}]", f"path = {quoted(data.path)}")
    yield f"digest = {quoted(data.digest)}"
    yield f"description = {quoted(data.description)}"
    yield f"source = {quoted(data.source)}"
    if data.licence:
        yield 'licence = "" # to be written'
    if data.key:
        yield f"key = {quoted(data.key)}"
    if data.time:
        yield f"time = {quoted(data.time)}"


def _contract_lines(contract: Contract) -> Iterator[str]:
    yield from ("", "[contract]", f"output = {quoted(contract.output)}")
    yield f"task = {quoted(contract.task)}"
    if contract.classes:
        yield f"classes = {listed(contract.classes)}"
    if contract.python is None:
        yield f"input_tensor = {quoted(contract.input_tensor)}"
        yield f"output_tensor = {quoted(contract.output_tensor)}"
    if contract.value is not None:
        yield from ("", "[contract.value]", f"unit = {quoted(contract.value.unit)}")
        yield f"minimum = {_number(contract.value.minimum)}"
        yield f"maximum = {_number(contract.value.maximum)}"
    if contract.python is not None:
        yield from ("", "[contract.python]", f"entry = {quoted(contract.python.entry)}")


_KINDS = {"element": "vector", "days": "timestamp", "text": "text"}
"""The declared kind of a feature that is more than one number, by its first part."""


def _feature_lines(feature: Feature, declared: DeclaredFeature, seen: str) -> Iterator[str]:
    """Yield the lines of a declared feature; `feature` is its first number."""
    yield from ("", "[[contract.features]]", f"name = {quoted(declared.name)}")
    kind = _KINDS.get(declared.part, feature.kind)
    yield f"kind = {quoted(kind)}" + (f" # seen: {seen}" if seen else "")
    if kind == "vector":
        yield f"length = {declared.width}"
    if kind == "text":
        yield f"bytes = {feature.bytes}"
    if kind in ("text", "timestamp"):
        yield from ["missing = true"] if feature.missing else []
        return
    if feature.minimum is not None:
        yield f"minimum = {_number(feature.minimum)}"
    if feature.maximum is not None:
        yield f"maximum = {_number(feature.maximum)}"
    if feature.texts:
        yield f"categories = {listed(feature.texts)}"
    elif feature.categories:
        yield f"categories = [{', '.join(map(_number, feature.codes))}]"
    if feature.missing:
        yield "missing = true"
    if feature.whole:
        yield "whole = true"


def _number(number: float) -> str:
    text = number_text(number)
    # TOML wants digits on both sides of a point, and no sign before inf.
    return text if "e" not in text else f"{number:.17g}"
