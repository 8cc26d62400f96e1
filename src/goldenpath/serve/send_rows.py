"""Sends rows of a table as inference requests, and sums up the answers."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.http.client import Call, ServerAddress, TimedReply, post_all
from goldenpath.instruments import HEADER_PREDICTION, HEADER_RELEASE, HEADER_SLOT
from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.project.task.feature_parts import declared_names
from goldenpath.serve.table.table_rows import given_numbers
from goldenpath.train.data.table_file import batches

KEPT = 5
"""Prediction ids and errors that a summary names."""
_READ_ROWS = 65_536

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
    """Return the contract's columns of a table, in its order; missing values as NaN.

    A label stands for its code. Raises `InvalidInput` naming the columns that are absent, and the
    first value that is no number and no category.
    """
    import pyarrow as pa

    features = [feature.name for feature in contract.features]
    declared = declared_names(contract)
    columns = [*declared, *([subject] if subject and subject not in declared else [])]
    parts: list[Rows] = []
    names: list[str] = []
    count = 0
    for batch in batches(path, _READ_ROWS, columns):
        if limit is not None and count >= limit:
            break
        table = pa.Table.from_batches([batch])
        table = table if limit is None else table.slice(0, limit - count)
        given, unreadable = given_numbers(table, contract)
        if unreadable:
            row, message = min(unreadable.items())
            raise InvalidInput(f"row {count + row} of {path}, {message}")
        count += table.num_rows
        with np.errstate(over="ignore"):
            parts.append(given.astype("<f4"))
        if subject:
            names += [str(value) for value in table.column(subject).to_pylist()]
    rows = np.concatenate(parts) if parts else np.empty((0, len(features)), "<f4")
    return RowBatch(rows, tuple(names) if subject else None)


def calls(batch: RowBatch, contract: Contract, wish: SendOptions, seed: int) -> Iterator[Call]:
    """Return requests in Open Inference Protocol v2 with binary tensors, `batch` rows each."""
    source = random.Random(seed)  # noqa: S311 - ids of traces, no secret
    for start in range(0, len(batch.rows), wish.batch):
        rows = batch.rows[start : start + wish.batch]
        parameters: dict[str, object] = {**wish.labels}
        if batch.subjects is not None:
            parameters["subjects"] = batch.subjects[start : start + wish.batch]
        headers, body = inference_call(rows, contract, parameters)
        more = []
        if batch.subjects is not None and wish.batch == 1:
            more.append(("x-goldenpath-subject", batch.subjects[start]))
        if wish.trace:
            trace_id, span = source.getrandbits(128), source.getrandbits(64)
            more.append(("traceparent", f"00-{trace_id:032x}-{span:016x}-01"))
        yield [*headers, *more], body


def inference_call(
    rows: Rows, contract: Contract, parameters: Mapping[str, object], *, is_binary: bool = False
) -> Call:
    """Return one request with binary inputs; with `is_binary` the answer is binary too."""
    raw = rows.astype("<f4").tobytes()
    tensor = {
        "name": contract.input_tensor,
        "shape": list(rows.shape),
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(raw)},
    }
    output: dict[str, object] = {"name": contract.output_tensor}
    if is_binary:
        output["parameters"] = {"binary_data": True}
    request: dict[str, object] = {"inputs": [tensor], "outputs": [output]}
    if parameters:
        request["parameters"] = dict(parameters)
    head = msgspec.json.encode(request)
    headers = [
        ("content-type", "application/octet-stream"),
        ("inference-header-content-length", str(len(head))),
    ]
    return headers, head + raw


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
