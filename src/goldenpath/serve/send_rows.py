"""Sends rows of a table as inference requests, and sums up the answers."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.http.client import Call, ServerAddress, TimedReply, post_all
from goldenpath.instruments import HEADER_PREDICTION, HEADER_RELEASE, HEADER_SLOT
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.answer_rules import AnswerRules

if TYPE_CHECKING:
    import pyarrow as pa

KEPT = 5
"""Prediction ids and errors that a summary names."""

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Options of sending rows."""

    file: Path
    limit: int | None = None
    batch: int = 50
    subject: str = ""
    """Column with the person whom a row is about; empty if there is none."""
    concurrency: int = 8
    trace: bool = False
    """Whether to record a span of every request."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels for every record: process, channel."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows of a table, ready to send."""

    rows: Rows
    subjects: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of sending rows."""

    rows: int
    requests: int
    failed: int
    """Failed requests."""
    seconds: float
    milliseconds: Mapping[str, float]
    """Latency of the requests: p50, p90, p99 and max."""
    statuses: Mapping[str, int]
    """Requests by HTTP status; 0 is no answer at all."""
    slots: Mapping[str, int]
    """Rows by the slot that answered."""
    releases: Mapping[str, int]
    """Rows by the digest that answered."""
    outcomes: Mapping[str, int]
    """Rows by outcome of the decision policy, or by class; empty if neither is declared."""
    prediction_ids: tuple[str, ...]
    errors: tuple[str, ...]


def send_rows(
    address: ServerAddress, path: str, contract: Contract, wish: SendOptions, *, seed: int
) -> Sent:
    """Send the rows of a file and return the counted answers."""
    batch = read_rows(wish.file, contract, wish.subject, wish.limit)
    began = time.perf_counter()
    requests = calls(batch, contract, wish, seed)
    replies = post_all(address, path, requests, wish.concurrency)
    return summarise(replies, time.perf_counter() - began, AnswerRules(contract))


def read_rows(path: Path, contract: Contract, subject: str, limit: int | None) -> RowBatch:
    """Return the contract's columns of a Parquet file, in its order; missing values as NaN.

    A label stands for its code. Raises `InvalidInput` naming the columns that are absent or not
    numeric.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = [feature.name for feature in contract.features]
    columns = [*features, *([subject] if subject and subject not in features else [])]
    try:
        absent = [name for name in columns if name not in pq.read_schema(path).names]
        if absent:
            raise InvalidInput(f"{path} has no column {', '.join(absent)}")
        table = pq.read_table(path, columns=columns)
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidInput(f"{path} is not a Parquet file that can be read: {error}") from error
    table = table.slice(0, limit) if limit is not None else table
    rows = np.empty((table.num_rows, len(features)), dtype="<f4")
    for place, feature in enumerate(contract.features):
        try:
            rows[:, place] = _numbers(table.column(feature.name), feature)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"column {feature.name} of {path} has a value that is not a number: {error}"
            ) from error
    names = tuple(str(value) for value in table.column(subject).to_pylist()) if subject else None
    return RowBatch(rows, names)


def _numbers(
    column: "pa.ChunkedArray[pa.Scalar[pa.DataType]]", feature: Feature
) -> NDArray[np.float64]:
    """Raises `TypeError` or `ValueError` for a value that is no number and no label."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    if feature.texts and not pa.types.is_string(column.type):
        column = column.cast(pa.string())
    if not pa.types.is_string(column.type):
        return np.asarray(column.cast(pa.float64()).to_numpy())
    codes = dict(zip(feature.labels or feature.texts, feature.codes, strict=False))
    texts: list[str | None] = column.to_numpy().tolist()
    unknown = next((text for text in texts if text is not None and text not in codes), None)
    if unknown is not None:
        raise ValueError(repr(unknown[:80]))
    return np.array([codes[text] if text is not None else np.nan for text in texts])


def calls(batch: RowBatch, contract: Contract, wish: SendOptions, seed: int) -> Iterator[Call]:
    """Return requests in Open Inference Protocol v2 with binary tensors, `batch` rows each."""
    source = random.Random(seed)  # noqa: S311 - ids of traces, no secret
    for start in range(0, len(batch.rows), wish.batch):
        rows = batch.rows[start : start + wish.batch]
        raw = rows.tobytes()
        tensor = {
            "name": contract.input_tensor,
            "shape": list(rows.shape),
            "datatype": "FP32",
            "parameters": {"binary_data_size": len(raw)},
        }
        outputs = [{"name": contract.output_tensor}]
        request: dict[str, object] = {"inputs": [tensor], "outputs": outputs}
        parameters: dict[str, object] = {**wish.labels}
        if batch.subjects is not None:
            parameters["subjects"] = batch.subjects[start : start + wish.batch]
        if parameters:
            request["parameters"] = parameters
        head = msgspec.json.encode(request)
        headers = [
            ("content-type", "application/octet-stream"),
            ("inference-header-content-length", str(len(head))),
        ]
        if batch.subjects is not None and wish.batch == 1:
            headers.append(("x-goldenpath-subject", batch.subjects[start]))
        if wish.trace:
            trace_id, span = source.getrandbits(128), source.getrandbits(64)
            headers.append(("traceparent", f"00-{trace_id:032x}-{span:016x}-01"))
        yield headers, head + raw


class _Output(msgspec.Struct):
    data: list[float]


class _Answer(msgspec.Struct):
    outputs: list[_Output]


def summarise(replies: Sequence[TimedReply], seconds: float, rules: AnswerRules) -> Sent:
    """Return the counted answers."""
    slots, releases, outcomes = Counter[str](), Counter[str](), Counter[str]()
    ids: list[str] = []
    errors: list[str] = []
    for reply in replies:
        if reply.status != 200:
            errors.append(reply.body.decode("utf-8", "replace")[:500])
            continue
        scores = msgspec.json.decode(reply.body, type=_Answer).outputs[0].data
        numbers = np.array(scores).reshape(-1, rules.width)
        prediction = reply.headers.get(HEADER_PREDICTION, "")
        slots[reply.headers.get(HEADER_SLOT, "")] += len(numbers)
        releases[reply.headers.get(HEADER_RELEASE, "")] += len(numbers)
        decided = rules.decide(numbers).outcomes
        outcomes.update(outcome for outcome in decided if outcome is not None)
        if len(ids) < KEPT:
            ids.append(f"{prediction}-0")
    statuses = Counter(str(reply.status) for reply in replies)
    return Sent(
        rows=slots.total(),
        requests=len(replies),
        failed=len(errors),
        seconds=round(seconds, 3),
        milliseconds=_latency([reply.seconds for reply in replies]),
        statuses=dict(statuses),
        slots=dict(slots),
        releases=dict(releases),
        outcomes=dict(outcomes),
        prediction_ids=tuple(ids),
        errors=tuple(errors[:KEPT]),
    )


def _latency(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    points = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {
        name: round(float(np.quantile(seconds, point)) * 1000, 2) for name, point in points.items()
    }
