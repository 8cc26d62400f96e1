"""The result of a replay as statements about the releases that answered."""

from collections.abc import Iterator, Sequence

from goldenpath.audit.proofs.replay import Drawn, counts_of
from goldenpath.audit.proofs.replayed_answer import ReplayedAnswer
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.release.attest.statement import OURS, Statement

REPLAY = OURS + "replay/v1"
MOST_NAMED = 100
"""The most predictions that a statement names."""


def replay_statements(drawn: Drawn, answers: Sequence[ReplayedAnswer]) -> Iterator[Statement]:
    """Yield a statement for each release, with the counts and the answers that differ."""
    for release, counts in counts_of(answers).items():
        ours = [each for each in answers if each.release == release]
        differing: list[JsonValue] = [
            {
                "prediction": each.prediction_id,
                "differences": [*each.differences],
                "causes": [*each.causes],
            }
            for each in ours
            if each.state == "different"
        ]
        reasons: list[JsonValue] = [
            *sorted({each.causes[0] for each in ours if each.state == "not replayed"})
        ]
        yield Statement(
            (Digest(release),),
            REPLAY,
            {
                "version": 1,
                "seed": drawn.seed,
                "records": drawn.total,
                "drawn": len(ours),
                "counts": {**counts},
                "different": differing[:MOST_NAMED],
                "notReplayed": reasons[:MOST_NAMED],
            },
        )
