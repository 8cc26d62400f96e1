"""Derives the contract of a given ONNX graph from the graph and a table of rows.

The graph says which inputs it has and what it gives; the rows say which values occur and what was
to be predicted. What does not fit is refused here, in seconds, with what to change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from goldenpath.errors import InvalidInput, did_you_mean
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract, Feature, MonitorSettings, TaskKind, Tier, ValueRange
from goldenpath.project.task.feature_names import feature_names
from goldenpath.train.adoption.inferred_features import (
    inferred_parts,
    is_list,
    is_text,
    widened,
)
from goldenpath.train.data.part_columns import with_parts
from goldenpath.train.data.table_file import Column
from goldenpath.train.evaluation.onnx_graph import OnnxGraph
from goldenpath.train.evaluation.onnx_session import open_session
from goldenpath.train.evaluation.onnx_texts import TOKEN_INPUTS, TOKENIZER
from goldenpath.train.evaluation.score import Numbers, column_of, run_model

if TYPE_CHECKING:
    import onnxruntime

TRIED_ROWS = 5000
"""Rows that the graph scores at once, to see what it gives."""
MOST_CLASSES = 50
"""Whole numbers in the target that count as classes and not as a value."""
_ANY_VALUE = ValueRange("", -3e38, 3e38)


@dataclass(frozen=True, slots=True)
class AdoptionWish:
    """What a person says about a model and its rows. What is empty is derived."""

    name: str
    model: Path
    rows: Path
    target: str = "target"
    key: str = ""
    score: str = ""
    time: str = ""
    task: TaskKind | None = None
    unit: str = ""
    features: tuple[str, ...] = ()
    """Columns in the order in which the model takes them."""
    slices: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    tier: Tier = "high"
    requirements: tuple[str, ...] = ()
    """Packages that open the model, if it does not name them itself."""
    variable: str = ""
    """Variable of a script that is the model; if empty, the only one that can predict."""
    rows_at: str = ""
    """Where a script looks for the rows, from the folder that it runs in."""

    @property
    def other_columns(self) -> frozenset[str]:
        """The columns that are no features."""
        named = {self.target, self.key, self.score, self.time, *self.slices, *self.protected}
        return frozenset(named - {""})


@dataclass(frozen=True, slots=True)
class AdoptedContract:
    """A contract that the graph and the rows fit, and the columns that its features are."""

    contract: Contract
    columns: tuple[str, ...]
    """The column of each feature; the parts of one have the same."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The files beside the graph that it needs, by name."""


def adopted_contract(content: bytes, table: pa.Table, wish: AdoptionWish) -> AdoptedContract:
    """Return the contract of an ONNX graph.

    Raises `InvalidInput` if graph, rows and wish do not fit one another.
    """
    refuse_missing_columns(table, wish)
    files = files_of_graph(wish.model, content)
    session = open_session(content, wish.model.name, files=files)
    taken, kinds, tensor = _inputs(session, table, wish)
    names = feature_names(taken)
    parts = {each: inferred_parts(names[each], table[each], kinds[each]) for each in taken}
    features = tuple(part for column in taken for part in parts[column])
    columns = tuple(column for column in taken for _ in parts[column])
    output = _output(session, wish)
    draft = Contract(
        wish.name, features, output="answer", decision=None, monitor=MonitorSettings(),
        input_tensor=tensor, output_tensor=output.name,
    )  # fmt: skip
    task = wish.task or inferred_task(table[wish.target], output.width)
    draft = with_task(draft, task, table[wish.target])
    graph = OnnxGraph(content, draft, wish.model.name, files=files)
    answers = run_model(graph, draft, numbers_of(features, columns, table.slice(0, TRIED_ROWS)))
    contract = with_range(draft, table[wish.target], answers, wish.unit)
    return AdoptedContract(contract, columns, files)


def files_of_graph(model: Path, content: bytes) -> Mapping[str, bytes]:
    """Return the files beside a graph that it names, and its tokenizer if it takes tokens."""
    named = {}
    for path in sorted(model.parent.iterdir()) if model.parent.is_dir() else ():
        is_tokenizer = path.name == TOKENIZER and b"input_ids" in content
        if path == model or path.is_symlink() or not path.is_file():
            continue
        if is_tokenizer or path.name.encode() in content:
            named[path.name] = path.read_bytes()
    return named


def refuse_missing_columns(table: pa.Table, wish: AdoptionWish) -> None:
    """Raise `InvalidInput` if the wish names a column that is not there, or an unusable key."""
    known = table.column_names
    for name in (*sorted(wish.other_columns), *wish.features):
        if name not in known:
            near = did_you_mean(name, known) or f"its columns are {', '.join(known)[:300]}"
            raise InvalidInput(f"{wish.rows} has no column {name!r}", hint=near)
    gaps = table[wish.target].null_count
    if gaps:
        raise InvalidInput(
            f"column {wish.target!r} has {gaps} rows without a value: expected the outcome of each",
            hint="leave these rows out: nothing can be measured on them",
        )
    if wish.key and pc.count_distinct(table[wish.key], mode="all").as_py() < table.num_rows:
        raise InvalidInput(
            f"column {wish.key!r} repeats a value: expected one row for each key",
            hint="name another column by --key, or none: then rows are counted",
        )


def numbers_of(
    features: Sequence[Feature], columns: Sequence[str], table: pa.Table
) -> Mapping[str, "np.typing.NDArray[np.generic]"]:
    """Return the features of a table as numbers, by name."""
    named = {
        feature.part_of or feature.name: plain_column(feature, table[column])
        for feature, column in zip(features, columns, strict=True)
    }
    contract = Contract("", tuple(features), "", None, MonitorSettings())
    parts = with_parts(pa.table(named), contract)
    return {each.name: column_of(each, parts[each.name].to_numpy()) for each in features}


def plain_column(feature: Feature, values: Column) -> Column:
    """Return a column in the type in which the project keeps it: texts, times, or numbers."""
    if pa.types.is_date(values.type):
        return values.cast(pa.timestamp("s"))
    if feature.texts or feature.part == "text":
        return values.cast(pa.string())
    if pa.types.is_boolean(values.type):
        return values.cast(pa.int8())
    return values.cast(pa.float64()) if pa.types.is_decimal(values.type) else values


def inferred_task(target: Column, width: int) -> TaskKind:
    """Return the task that the outcomes mean, for a model that gives `width` numbers, 0 unknown."""
    distinct = pc.count_distinct(target, mode="only_valid").as_py()
    if is_text(target):
        return "classes"
    numbers = np.unique(target.cast(pa.float64()).to_numpy())
    is_whole = bool((np.rint(numbers) == numbers).all())
    if is_whole and {*numbers.tolist()} <= {0.0, 1.0} and width <= 2:
        return "probability"
    is_count = pa.types.is_integer(target.type) or pa.types.is_boolean(target.type)
    if is_whole and is_count and width != 1 and 2 <= distinct <= MOST_CLASSES:
        return "classes"
    return "value"


def with_task(draft: Contract, task: TaskKind, target: Column) -> Contract:
    """Return the contract with its task; a value may be anything until answers are known."""
    if task == "classes":
        return replace(draft, task=task, classes=_classes(target), output="class_probabilities")
    if task == "value":
        if is_text(target):
            raise InvalidInput(
                "the target holds texts: expected numbers for the task value",
                hint="use --task classes",
            )
        return replace(draft, task=task, value=_ANY_VALUE, output="value")
    return replace(draft, task=task, output="probability")


def with_range(contract: Contract, target: Column, answers: Numbers, unit: str) -> Contract:
    """Return the contract with unit and bounds, if its task is a value."""
    if contract.task != "value":
        return contract
    if not unit:
        raise InvalidInput(
            "the task is a value, and its unit is not known",
            hint="say it by --unit, such as --unit EUR; or use --task for another task",
        )
    seen = np.concatenate([answers.ravel(), target.cast(pa.float64()).to_numpy()])
    low, high = widened(float(seen.min()), float(seen.max()))
    return replace(contract, value=ValueRange(unit, low, high))


def _classes(target: Column) -> tuple[str, ...]:
    if is_text(target):
        return tuple(sorted(str(each) for each in pc.unique(target).to_pylist()))
    return tuple(map(number_text, np.unique(target.cast(pa.float64()).to_numpy()).tolist()))


def _inputs(
    session: "onnxruntime.InferenceSession", table: pa.Table, wish: AdoptionWish
) -> tuple[tuple[str, ...], Mapping[str, str], str]:
    """Return the columns in the order of the model, the types of inputs, and the input's name."""
    inputs = {each.name: (str(each.type), each.shape) for each in session.get_inputs()}
    if inputs.keys() & TOKEN_INPUTS:
        # The tokens are made of the one column of texts.
        inputs = {name: each for name, each in inputs.items() if name not in TOKEN_INPUTS}
        inputs[_text_column(table, wish, inputs)] = ("tensor(string)", [])
    by_name = {name: column for column, name in feature_names(table.column_names).items()}
    wanted = feature_names([*inputs])
    if len(inputs) > 1 or {*wanted.values()} <= {*by_name}:
        missing = [tensor for tensor, name in wanted.items() if name not in by_name]
        if missing:
            raise InvalidInput(
                f"{wish.model.name} has an input {missing[0]!r}: {wish.rows} has no such column",
                hint="name the columns of the table like the inputs of the graph",
            )
        kinds = {by_name[name]: inputs[tensor][0] for tensor, name in wanted.items()}
        return tuple(by_name[name] for name in wanted.values()), kinds, "features"
    [(tensor, (kind, shape))] = inputs.items()
    size = shape[1] if len(shape) == 2 and isinstance(shape[1], int) else None
    columns = wish.features or _numeric_columns(table, wish, size)
    width = sum(_width(table[column]) for column in columns)
    if size is not None and width != size:
        raise InvalidInput(
            f"{wish.model.name} takes {size} columns, and {wish.rows} has {width} that may "
            f"be features: {', '.join(columns)[:300]}",
            hint="name them in the order of the model by --features a,b,c",
        )
    return tuple(columns), dict.fromkeys(columns, kind), tensor


def _width(values: Column) -> int:
    """Return how many numbers a column becomes."""
    if is_list(values):
        return int(pc.max(pc.list_value_length(values)).as_py() or 0)
    return 2 if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type) else 1


def _text_column(table: pa.Table, wish: AdoptionWish, others: Mapping[str, object]) -> str:
    """Return the one column of texts that a graph of tokens can mean."""
    known = {*wish.other_columns, *others}
    names = wish.features or tuple(name for name in table.column_names if name not in known)
    texts = [name for name in names if is_text(table[name])]
    if len(texts) != 1:
        raise InvalidInput(
            f"{wish.model.name} takes tokens, and {wish.rows} has {len(texts)} columns of texts: "
            f"expected one, got {', '.join(texts)[:200] or 'none'}",
            hint="name the column by --features",
        )
    return texts[0]


def _numeric_columns(table: pa.Table, wish: AdoptionWish, size: int | None) -> tuple[str, ...]:
    """Return the columns that a graph with one input of numbers can take."""
    known = {wish.target, wish.key, wish.score, wish.time}
    names = [name for name in table.column_names if name not in known]
    numeric = tuple(name for name in names if not is_text(table[name]))
    if sum(_width(table[name]) for name in numeric) == size:
        return numeric  # a slice can be a feature too
    names = [name for name in names if name not in wish.other_columns]
    numeric = tuple(name for name in numeric if name in names)
    if len(numeric) < len(names) and sum(_width(table[name]) for name in numeric) != size:
        texts = [name for name in names if name not in numeric]
        raise InvalidInput(
            f"{wish.model.name} takes numbers, and column {texts[0]!r} holds texts",
            hint="give the table as the model takes it, with its codes; or leave the column out "
            "by --features",
        )
    return numeric


@dataclass(frozen=True, slots=True)
class _Output:
    """The output with the answers, and how many numbers it has for a row; 0 if that is open."""

    name: str
    width: int


def _output(session: "onnxruntime.InferenceSession", wish: AdoptionWish) -> _Output:
    listed = list(session.get_outputs())
    floats = [each for each in listed if "float" in str(each.type) or "double" in str(each.type)]
    chosen = [each for each in floats if "prob" in each.name.lower()] or floats[-1:] or listed[:1]
    kind, shape = str(chosen[0].type), chosen[0].shape
    if kind.startswith("seq(map("):
        return _Output(chosen[0].name, 0)
    if len(shape) == 1:
        return _Output(chosen[0].name, 1)
    last = shape[-1] if len(shape) == 2 else 0
    return _Output(chosen[0].name, last if isinstance(last, int) else 0)
