"""What `goldenpath replay` shows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from goldenpath.audit.proofs.replay import Drawn
from goldenpath.audit.proofs.replayed_answer import ReplayedAnswer

_MOST_SHOWN = 20


def replay_record(
    drawn: Drawn, answers: Sequence[ReplayedAnswer], statements: Sequence[str]
) -> Mapping[str, object]:
    """Return what `--output json` shows."""
    return {
        "seed": drawn.seed,
        "records": drawn.total,
        "counts": Counter(each.state for each in answers),
        "answers": answers if len(answers) <= _MOST_SHOWN else _notable(answers),
        "statements": statements,
    }


def render_replay(drawn: Drawn, answers: Sequence[ReplayedAnswer]) -> str:
    """Return the page for people: what differs first, then the counts."""
    return "\n".join(_lines(drawn, answers))


def _lines(drawn: Drawn, answers: Sequence[ReplayedAnswer]) -> Iterator[str]:
    shown = answers if len(answers) == 1 else _notable(answers)
    for answer in shown[:_MOST_SHOWN]:
        yield f"{answer.prediction_id}: {answer.state}, by release {answer.release}"
        yield from (f"  {each}" for each in answer.differences)
        yield from (f"  cause: {each}" for each in answer.causes)
    if len(shown) > _MOST_SHOWN:
        yield f"and {len(shown) - _MOST_SHOWN} more"
    counts = Counter(each.state for each in answers)
    listed = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    origin = f" of {drawn.total} records, drawn by the seed {drawn.seed!r}" if drawn.seed else ""
    yield f"{len(answers)} replayed{origin}: {listed}"


def _notable(answers: Sequence[ReplayedAnswer]) -> Sequence[ReplayedAnswer]:
    return [each for each in answers if each.state in ("different", "not replayed")]
