"""The frame of a turn: what comes out is what went in, and nothing else is taken."""

import numpy as np
import pytest

from goldenpath.errors import VerificationError
from goldenpath.serve.protocol.request_context import RequestContext
from goldenpath.serve.record.spool_format import Answered
from goldenpath.serve.record.turn_frame import (
    RequestDetails,
    parse_turn,
    render_rest,
    render_turn,
)

TIMES = 1_790_000_000_000_000_000, 5_000_000, 300


def _turn(
    rows: list[int],
    details: list[tuple[int, RequestDetails]],
    callers: list[str] | None = None,
    traces: list[bytes] | None = None,
) -> bytes:
    ids = [f"{place:032x}" for place in range(len(rows))]
    started = [4_000_000 + place for place in range(len(rows))]
    inputs = [bytes([place]) * 8 * size for place, size in enumerate(rows)]
    scores = [bytes([place]) * 4 * size for place, size in enumerate(rows)]
    rest = render_rest(callers or [], traces or [], details)
    return render_turn(7, TIMES, (ids, started, rows, inputs, scores), rest)


def test_what_was_written_is_read_request_by_request() -> None:
    context = RequestContext("loans", "web", "automatic", 5, [{"bureau": "x"}])
    details = [
        (1, RequestDetails(subjects=["a", "b"], canary=True)),
        (2, RequestDetails(status=400, refusal="column is missing", context=context)),
        (3, RequestDetails(reasons=b"12345678", endpoint="predict", shadow=True)),
    ]

    callers, traces = ["", "me", "", "you"], [b"00-1", b"", b"\xe4", b"t" * 200]

    found = parse_turn(_turn([1, 2, 0, 1], details, callers, traces))

    def expected(place: int, rows: int, more: RequestDetails) -> Answered:
        return Answered(
            f"{place:032x}",
            7 + place,
            TIMES[0] + 4_000_000 + place,
            1_000_000 - place,
            300 if rows else 0,
            more.status,
            rows,
            bytes([place]) * 8 * rows,
            bytes([place]) * 4 * rows,
            more.subjects,
            callers[place],
            traces[place].decode("latin-1")[:128],
            more.refusal,
            more.reasons,
            more.endpoint,
            more.shadow,
            more.canary,
            more.context,
        )

    given = [RequestDetails(), *(more for _, more in details)]
    assert found == [expected(*each) for each in zip(range(4), [1, 2, 0, 1], given, strict=True)]


def test_any_damage_is_refused_or_read_as_a_turn() -> None:
    whole = _turn([1, 0, 2], [(1, RequestDetails(status=400, refusal="no"))])
    chance = np.random.default_rng(1)
    for cut in range(len(whole)):
        with pytest.raises((VerificationError, ValueError)):
            parse_turn(whole[:cut])
    for _ in range(3000):
        damaged = bytearray(whole)
        for _ in range(chance.integers(1, 5)):
            damaged[chance.integers(len(damaged))] = chance.integers(256)
        try:
            found = parse_turn(bytes(damaged))
        except (VerificationError, ValueError):
            continue
        assert len(found) == 3


def test_values_that_do_not_fit_the_rows_are_refused() -> None:
    columns = ["a" * 32], [1], [2], [b"x" * 9], [b"y" * 8]
    with pytest.raises(VerificationError, match="do not fit"):
        parse_turn(render_turn(0, TIMES, columns, b""))
    columns = ["a" * 32], [1], [2], [b"x" * 8], [b"y" * 4]
    with pytest.raises(ValueError, match="do not fit"):
        render_turn(0, TIMES, columns, b"")
    columns = ["a" * 31], [1], [1], [b"x" * 8], [b"y" * 4]
    with pytest.raises(ValueError, match="do not fit"):
        render_turn(0, TIMES, columns, b"")
    columns = ["a" * 32], [1], [0], [b""], [b""]
    with pytest.raises(VerificationError, match="not in it"):
        parse_turn(render_turn(0, TIMES, columns, render_rest([], [], [(1, RequestDetails())])))
    for callers, traces in ((["a"], [b"b", b"c"]), (["a", "b"], [b"c"])):
        with pytest.raises(VerificationError, match="not in it"):
            parse_turn(render_turn(0, TIMES, columns, render_rest(callers, traces, [])))
    with pytest.raises(VerificationError, match="details that are none"):
        parse_turn(render_turn(0, TIMES, columns, b"x"))
    with pytest.raises(VerificationError, match="another length"):
        parse_turn(render_turn(0, TIMES, columns, b"") + b"x")
