"""Asks a served model for the rows of a table, and gives each row its answer or its refusal.

There are three steps, so that the model can work while its caller reads and writes: the numbers
of the rows (`prepared`), their answers (`ask`), and the table of both (`answers`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from goldenpath.backoff import pause_after
from goldenpath.errors import Unavailable, VerificationError
from goldenpath.http.client import Call, TimedReply
from goldenpath.instruments import HEADER_PREDICTION, HEADER_RELEASE, HEADER_SLOT
from goldenpath.project.spec import Contract
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.serve.protocol.inputs import InputRules
from goldenpath.serve.send_rows import inference_call
from goldenpath.serve.table.table_rows import TableRows, table_rows

BATCH_ROWS = 1000
"""Rows of one request; the server takes at most 4,096."""
MOST_ATTEMPTS = 7
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0
"""Seconds between attempts."""
BUSY = frozenset({0, 408, 429, 502, 503, 504})
"""Answers that say nothing about the rows; 0 is none at all."""
ABOUT_ROWS = frozenset({422, 500})
"""Answers that say something about the rows: they are asked for in smaller requests."""

Ask = Callable[[Sequence[Call]], Sequence[TimedReply]]
"""Sends requests and returns their replies in the same order."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What stands beside the rows in requests and answers."""

    subject: str = ""
    """Column with the person whom a row is about."""
    keep: tuple[str, ...] = ()
    """Columns of the table that stand beside the answers."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels for every record."""
    release: str = ""
    """The digest that has to answer; empty for any."""


class _Head(msgspec.Struct):
    outputs: list[dict[str, object]]


class _Error(msgspec.Struct):
    error: str = ""


Texts = NDArray[np.object_]
"""A text or None for each row."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedRows:
    """Rows of a table as the model takes them."""

    table: pa.Table
    rows: TableRows
    subjects: Sequence[str] | None
    first: int
    """The number of the first row."""


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredRows:
    """The answers of one table so far, row by row."""

    numbers: NDArray[np.float64]
    refused: Texts
    predictions: Texts
    releases: Texts
    slots: Texts
    failed: NDArray[np.bool_]
    """Rows that the model could not answer; the policy has an outcome for them."""


def _no_answers(prepared: PreparedRows, width: int) -> AnsweredRows:
    count = prepared.table.num_rows
    refused, predictions, releases, slots = (np.full(count, None, np.object_) for _ in range(4))
    answered = AnsweredRows(
        np.full((count, width), np.nan), refused, predictions, releases, slots,
        np.zeros(count, np.bool_),
    )  # fmt: skip
    for row, reason in prepared.rows.refusals.items():
        answered.refused[row] = reason
    return answered


class AskedRows:
    """One model and how its rows are asked for."""

    def __init__(
        self, contract: Contract, ask: Ask, sleep: Callable[[float], None], batch_rows: int
    ) -> None:
        self._contract, self._ask = contract, ask
        self._sleep, self._batch_rows = sleep, batch_rows
        self._inputs, self._rules = InputRules(contract), AnswerRules(contract)

    def prepared(self, table: pa.Table, asking: Asking, first: int) -> PreparedRows:
        """Return the numbers of each row; `first` is the number of the first one.

        Raises `InvalidInput` for a column whose type no feature has.
        """
        subjects = None
        if asking.subject:
            subjects = [str(value) for value in table[asking.subject].to_pylist()]
        rows = table_rows(table, self._contract, self._inputs)
        return PreparedRows(table, rows, subjects, first)

    def ask(self, prepared: PreparedRows, asking: Asking) -> AnsweredRows:
        """Return an answer or a refusal for each row.

        Raises `Unavailable` if the model does not answer.
        """
        answered = _no_answers(prepared, self._rules.width)
        refused = np.array(sorted(prepared.rows.refusals), np.int64)
        fitting = np.setdiff1d(np.arange(prepared.table.num_rows), refused, assume_unique=True)
        # Refused rows are asked for too: a refusal is recorded, and counts for drift.
        for places in (fitting, refused):
            batches = [
                places[at : at + self._batch_rows] for at in range(0, len(places), self._batch_rows)
            ]
            self._fill(
                batches, lambda part: self._call(prepared, part, asking), answered, asking.release
            )
        return answered

    def _fill(
        self,
        waiting: list[NDArray[np.int64]],
        call: Callable[[NDArray[np.int64]], Call],
        answered: AnsweredRows,
        release: str,
    ) -> None:
        """Ask until each batch of places is answered or refused."""
        failures = 0
        while waiting:
            replies = self._ask([call(part) for part in waiting])
            again: list[NDArray[np.int64]] = []
            is_busy = False
            for part, reply in zip(waiting, replies, strict=True):
                if reply.status in BUSY:
                    is_busy = True
                    again.append(part)
                elif reply.status in ABOUT_ROWS and self._is_to_split(part, answered):
                    again += [part[: len(part) // 2], part[len(part) // 2 :]]
                else:
                    self._take(part, reply, answered, release)
            failures = failures + 1 if is_busy else 0
            if failures == MOST_ATTEMPTS:
                raise Unavailable(
                    f"the model does not answer: {_error(replies[-1])}",
                    hint="run the same command again: it goes on after the last part that was "
                    "written",
                )
            if is_busy:
                self._sleep(pause_after(failures - 1, first=FIRST_PAUSE, longest=LONGEST_PAUSE))
            waiting = again

    def _call(self, prepared: PreparedRows, part: NDArray[np.int64], asking: Asking) -> Call:
        parameters: dict[str, object] = {**asking.labels}
        if prepared.subjects is not None:
            parameters["subjects"] = [prepared.subjects[row] for row in part.tolist()]
        values = prepared.rows.values[part]
        return inference_call(values, self._contract, parameters, is_binary=True)

    def _is_to_split(self, part: NDArray[np.int64], answered: AnsweredRows) -> bool:
        # Rows that were refused before they were sent need no search for the one at fault.
        return len(part) > 1 and answered.refused[int(part[0])] is None

    def _take(
        self, part: NDArray[np.int64], reply: TimedReply, answered: AnsweredRows, release: str
    ) -> None:
        answering = reply.headers.get(HEADER_RELEASE, "")
        if release and reply.status == 200 and answering != release:
            raise VerificationError(
                f"another release answered: expected {release}, got {answering or 'no name'}",
                hint="goldenpath status says which releases have traffic",
            )
        prediction = reply.headers.get(HEADER_PREDICTION, "")
        if prediction:
            answered.predictions[part] = [f"{prediction}-{place}" for place in range(len(part))]
        answered.releases[part] = reply.headers.get(HEADER_RELEASE)
        answered.slots[part] = reply.headers.get(HEADER_SLOT)
        if reply.status != 200:
            # A reason that names the column was found before the row was sent.
            is_unnamed = [reason is None for reason in answered.refused[part]]
            answered.refused[part[np.array(is_unnamed)]] = _error(reply)
        if reply.status == 200:
            answered.numbers[part] = _numbers(reply).reshape(len(part), self._rules.width)
        elif reply.status == 500:
            answered.failed[part] = True
        elif reply.status not in ABOUT_ROWS:
            raise Unavailable(f"the model refused the request: {_error(reply)}")

    def answers(
        self, prepared: PreparedRows, answered: AnsweredRows, keep: Sequence[str]
    ) -> pa.Table:
        """Return a row of answers for each row."""
        table, first = prepared.table, prepared.first
        count, numbers = table.num_rows, answered.numbers
        columns: dict[str, object] = {"row": pa.array(np.arange(first, first + count))}
        columns |= {name: table[name] for name in keep}
        is_answer = self._rules.is_answer(numbers)
        if self._rules.task == "classes":
            likeliest = self._rules.likeliest(numbers).tolist()
            names = [self._rules.classes[at] if at >= 0 else None for at in likeliest]
            columns["class"] = pa.array(names, pa.string())
            for place, name in enumerate(self._rules.classes):
                columns[f"probability_{name}"] = _floats(numbers[:, place])
        else:
            name = "value" if self._rules.task == "value" else "score"
            columns[name] = _floats(numbers[:, 0])
        if self._contract.decision is not None:
            decided = self._rules.decide(numbers)
            has_outcome = is_answer | answered.failed
            for name, listed in (("band", decided.bands), ("outcome", decided.outcomes)):
                texts = np.array(listed, np.object_)
                texts[~has_outcome] = None
                columns[name] = pa.array(texts, pa.string())
        for name, given in (
            ("prediction", answered.predictions), ("release", answered.releases),
            ("slot", answered.slots), ("refused", answered.refused),
        ):  # fmt: skip
            columns[name] = pa.array(given, pa.string())
        return pa.table(columns)


def _floats(numbers: NDArray[np.float64]) -> "pa.Array[pa.Scalar[pa.DataType]]":
    return pa.array(numbers.astype(np.float32), pa.float32(), from_pandas=True)


def _numbers(reply: TimedReply) -> NDArray[np.float32]:
    """Return the numbers of an answer, which is binary after a head of JSON."""
    size = reply.headers.get("inference-header-content-length")
    if size is None:
        head = msgspec.json.decode(reply.body, type=_Head)
        data = head.outputs[0].get("data")
        return np.array(data if isinstance(data, list) else [], np.float32)
    return np.frombuffer(reply.body[int(size) :], "<f4")


def _error(reply: TimedReply) -> str:
    if not reply.status:
        return reply.body.decode("utf-8", "replace")[:500] or "no answer"
    try:
        message = msgspec.json.decode(reply.body, type=_Error).error
    except msgspec.DecodeError:
        message = ""
    return f"{message or 'no reason'} ({reply.status})"
