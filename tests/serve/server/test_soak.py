"""Some seconds of everything going wrong; `python -m bench soak` does it for longer."""

from pathlib import Path

from tests.serve.soak import Soak
from tests.sizes import at_size


def test_under_faults_no_answer_is_wrong_and_no_gap_is_silent(tmp_path: Path) -> None:
    verdict = Soak(tmp_path, seed=1).run(at_size(4, 20), pause=0.5)

    assert verdict.holds, (verdict.seen.wrong[:5], verdict.report.page(), verdict.unlogged)
    assert len(verdict.seen.faults) == 5
    assert verdict.seen.statuses[200] > 100
    assert set(verdict.seen.statuses) <= {200, 422, 503}
