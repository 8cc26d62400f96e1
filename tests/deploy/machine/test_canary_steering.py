"""A canary on real processes, moved by the judge's own signed commits."""

import json
from pathlib import Path

import numpy as np

from goldenpath.audit.events.event_log import EventLog
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.http.client import post_all
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.repository.commit import Commit
from tests.deploy.platform import OneMachine, Up
from tests.serve.running import question
from tests.sizes import full_size

PATH = "/dev/credit/v2/models/credit/infer"
PLAN = Rollout((10, 100), {"requests": 1000.0, "slow": 1.0}, "auto")
ROWS, REQUESTS = 50, 40


def ask(address: str, source: np.random.Generator) -> None:
    """2,000 people; 1 in 20 has the status 2."""
    calls = []
    for _ in range(REQUESTS):
        status = source.choice(3, ROWS, p=[0.6, 0.35, 0.05])
        people = [
            [50_000.0, float(age), float(each), 1.0]
            for age, each in zip(source.uniform(20, 90, ROWS).round(), status, strict=True)
        ]
        calls.append(((), json.dumps(question(*people)).encode()))
    assert all(reply.status == 200 for reply in post_all(address, PATH, calls, 4))


def shares(status: Status) -> list[tuple[str, int]]:
    """Who gets how much of the traffic."""
    return [(slot.digest, slot.percent) for slot in status.deployments[0].running]


def until_moved(up: Up, stable: Digest, canary: Digest, to: Digest, share: int = 10) -> None:
    """Sends requests until the canary is no canary any more."""
    both = [(stable.text, 100 - share), (canary.text, share)]
    up.until(lambda status: status.is_ready and shares(status) == both)
    source = np.random.default_rng(1)
    for _ in range(50):
        status = up.until(lambda status: bool(status.deployments))
        if shares(status) != both:
            break
        ask(status.gateway, source)
    up.until(lambda status: status.is_ready and shares(status) == [(to.text, 100)])


def moves(commit: Commit) -> bool:
    """Whether the judge moved traffic."""
    return commit.subject.startswith(("dev: rollout", "dev: rollback"))


@full_size("test_a_shadow_answers_the_same_question_and_nobody_decides_by_it")
def test_a_shadow_is_judged_by_pairs_before_anybody_hears_it(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    one, good, other = here.release(), here.release(0.01), here.release(1.0)
    plan = Rollout((0, 100), {**PLAN.criteria, "outcome": 1.0, "score": 1.0, "slice": 1.0}, "auto")
    here.deploy((one, 100))
    with here.up() as up:
        up.until(lambda status: status.is_ready and shares(status) == [(one.text, 100)])
        here.deploy((one, 100), (other, 0), rollout=plan)
        until_moved(up, one, other, one, share=0)
        here.deploy((one, 100), (good, 0), rollout=plan)
        until_moved(up, one, good, good, share=0)

    here.repository.fetch()
    ahead, back = (commit for commit in here.repository.history() if moves(commit))
    assert "differs from the live answer" in back.message
    assert "dev: rollout credit" in ahead.message


@full_size("test_a_hole_holds_a_good_step_advances_and_harm_goes_back_by_signed_commits")
def test_a_good_canary_advances_and_one_that_harms_a_slice_goes_back(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    one, good, harmful = here.release(), here.release(0.01), here.release(status=-0.6)
    here.deploy((one, 100))
    with here.up() as up:
        up.until(lambda status: status.is_ready and shares(status) == [(one.text, 100)])
        here.deploy((one, 90), (good, 10), rollout=PLAN)
        until_moved(up, one, good, good)
        here.deploy((good, 90), (harmful, 10), rollout=PLAN)
        until_moved(up, good, harmful, good)

    here.repository.fetch()
    back, ahead = (commit for commit in here.repository.history() if moves(commit))
    assert "dev: rollback credit" in back.message and "dev: rollout credit" in ahead.message
    assert "where status = " in back.message and back.message.count("\nJudged: ") == 5
    assert here.repository.verify(back.id, here.trusted().platform.commit_keys) == "rollout"
    kinds = [(each.kind, each.actor) for each in EventLog(here.home.events).read()]
    assert ("rollout.stepped", "rollout") in kinds and ("rollout.rolled-back", "rollout") in kinds
