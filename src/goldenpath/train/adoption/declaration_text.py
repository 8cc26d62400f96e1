"""Writes `goldenpath.toml` and the first documents of an adopted model. Pure.

What a person has to judge stays empty, so that `check` lists it and no gate takes it for written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from goldenpath.parsers.toml_text import listed, quoted
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import EVALUATION, REFERENCE, Contract, Feature, GivenModel, Tier
from goldenpath.project.statements import CARD, REQUIRED, THRESHOLDS

_UNAPPROVED = "owner:\napproved_by:\napproved_on:\nreview_by:\n"


@dataclass(frozen=True, slots=True)
class Declared:
    """Everything that the declaration of an adopted model says."""

    contract: Contract
    tier: Tier
    given: GivenModel
    model_path: str
    model_digest: str
    model_source: str
    """Where the model came from, in words."""
    model_files: tuple[str, ...]
    rows_path: str
    rows_digest: str
    rows_source: str
    time: str = ""
    """Name of the column with the time of each row."""
    slices: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    seen: Mapping[str, str] | None = None
    """What the rows showed of each feature, in words."""


def declaration_text(declared: Declared) -> str:
    """Return the text of `goldenpath.toml`."""
    return "\n".join(_lines(declared)) + "\n"


def documents(tier: Tier, metrics: tuple[str, ...]) -> Mapping[str, str]:
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
        "compliance/datasets/rows.md": f"---\n{_UNAPPROVED}---\n# Datasheet: rows\n",
    }


def _lines(declared: Declared) -> Iterator[str]:
    contract, given = declared.contract, declared.given
    yield "# Written by `goldenpath adopt`. The model was trained elsewhere: the build scores the"
    yield "# rows with it and trains nothing. `goldenpath check` lists what people have to write."
    yield "version = 1"
    yield f"name = {quoted(contract.name)}"
    yield f"tier = {quoted(declared.tier)} # the strictest one, until a person decides"
    yield 'description = "A model that was trained elsewhere. What it is for is not written yet."'
    yield from ("", "[training]", "seed = 1")
    yield f"outputs = {listed((*declared.model_files, REFERENCE, EVALUATION))}"
    yield from ("", "[training.given]", f"model = {quoted(given.model)}")
    yield f"rows = {quoted(given.rows)}"
    for key in ("target", "key", "score"):
        if getattr(given, key):
            yield f"{key} = {quoted(getattr(given, key))}"
    yield from ("", f"[data.{given.model}]", f"path = {quoted(declared.model_path)}")
    yield f"digest = {quoted(declared.model_digest)}"
    yield 'description = "the model, trained elsewhere"'
    yield f"source = {quoted(declared.model_source)}"
    yield from ("", f"[data.{given.rows}]", f"path = {quoted(declared.rows_path)}")
    yield f"digest = {quoted(declared.rows_digest)}"
    yield 'description = "rows with their outcomes"'
    yield f"source = {quoted(declared.rows_source)}"
    yield 'licence = "" # to be written'
    if given.key:
        yield f"key = {quoted(given.key)}"
    if declared.time:
        yield f"time = {quoted(declared.time)}"
    if declared.slices:
        yield from ("", "[evaluation]", f"slices = {listed(declared.slices)}")
        if declared.protected:
            yield f"protected = {listed(declared.protected)}"
    yield from _contract_lines(contract)
    for feature in contract.features:
        yield from _feature_lines(feature, (declared.seen or {}).get(feature.name, ""))


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


def _feature_lines(feature: Feature, seen: str) -> Iterator[str]:
    yield from ("", "[[contract.features]]", f"name = {quoted(feature.name)}")
    yield f"kind = {quoted(feature.kind)}" + (f" # seen: {seen}" if seen else "")
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
