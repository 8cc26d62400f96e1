from dataclasses import replace

from goldenpath.canary.analysis import Criteria
from goldenpath.canary.arms import Arm, answer_comparisons, verdict_on, verdicts
from goldenpath.observe.drift import outcomes
from goldenpath.observe.drift.outcomes import PAIRED
from goldenpath.serve.gateway.tally import BUCKETS, Tally, bucket, upper_bound
from tests.deploy.contract import release
from tests.serve.running import CONTRACT

SLOTS = [release(1).name, release(2).name]
CRITERIA = Criteria(requests=200)


def tally(requests: int, seconds: float = 0.002, failed: int = 0) -> Tally:
    found = Tally()
    for number in range(requests):
        found.count(500 if number < failed else 200, seconds)
    return found


def judged(stable: Tally, canary: Tally) -> str:
    tallies = {f"prod/credit/{release(1).name}": stable, f"prod/credit/{release(2).name}": canary}
    return verdicts("prod/credit", SLOTS, tallies, CRITERIA)[SLOTS[1]].action


def test_a_duration_lies_in_its_bucket() -> None:
    for seconds in (0.00001, 0.0001, 0.0015, 0.02, 0.9, 1000.0):
        place = bucket(seconds)
        assert seconds <= upper_bound(place) * (1 + 1e-9) or place == BUCKETS - 1
        assert place == 0 or seconds > upper_bound(place - 1)


def test_a_canary_as_good_as_the_stable_release_advances() -> None:
    assert judged(tally(9000), tally(1000)) == "advance"


def test_a_canary_that_fails_is_rolled_back() -> None:
    assert judged(tally(900), tally(100, failed=20)) == "roll back"


def test_a_canary_that_is_much_slower_is_rolled_back_and_a_little_slower_is_not() -> None:
    assert judged(tally(2000), tally(300, seconds=0.02)) == "roll back"
    assert judged(tally(2000), tally(300, seconds=0.0024)) == "advance"


def test_a_canary_that_is_slower_by_the_factor_keeps_within_the_margin() -> None:
    assert judged(tally(90_000), tally(30_000, seconds=0.002 * 1.49)) == "advance"
    assert judged(tally(90_000, seconds=0.0031), tally(30_000, seconds=0.0031 * 1.5)) == "advance"


def test_nothing_is_said_before_both_have_answered() -> None:
    assert judged(tally(900), Tally()) == "hold"
    assert judged(Tally(), Tally()) == "hold"


def test_the_shares_that_are_compared_are_those_that_are_counted() -> None:
    counts = dict.fromkeys(outcomes.names(CONTRACT), (50, 100))

    compared = [*answer_comparisons(counts, counts, CRITERIA)]

    assert {each.name for each in compared} == set(counts)
    assert sum(each.part or 0 for each in compared) <= 0.8 + 1e-9


def test_pairs_whose_outcome_differs_roll_back() -> None:
    key = f"prod/credit/{SLOTS[0]}", f"prod/credit/{SLOTS[1]}"
    answers = {key[0]: {PAIRED: (60, 300)}, key[1]: {PAIRED: (60, 300)}}
    tallies = {key[0]: tally(900), key[1]: tally(300)}

    verdict = verdicts("prod/credit", SLOTS, tallies, CRITERIA, answers=answers)[SLOTS[1]]

    assert verdict.action == "roll back"
    assert "differs from the live answer 20.00% of 300" in verdict.reason


def test_answers_that_the_observer_has_not_read_yet_do_not_count() -> None:
    key = f"prod/credit/{SLOTS[0]}", f"prod/credit/{SLOTS[1]}"
    tallies = {key[0]: tally(9000), key[1]: tally(1000)}

    verdict = verdicts("prod/credit", SLOTS, tallies, CRITERIA, answers={})[SLOTS[1]]

    assert (verdict.action, verdict.requests) == ("hold", 0)


def refusing(requests: int, refused: int, asked: int, answered: int) -> Tally:
    found = tally(requests - refused)
    for _ in range(refused):
        found.count(400, 0.002)
    found.refusals_asked, found.refusals_answered = asked, answered
    return found


def test_a_canary_that_refuses_what_the_stable_release_answers_is_rolled_back() -> None:
    # It never gives an answer, so nothing else could be compared: no number of answers is awaited.
    assert judged(tally(900), refusing(100, 100, 100, 100)) == "roll back"
    assert judged(tally(9000), refusing(1000, 30, 30, 30)) == "roll back"


def test_callers_whom_both_releases_refuse_harm_no_canary() -> None:
    assert judged(tally(9000), refusing(1000, 250, 250, 0)) == "advance"
    assert judged(tally(9000), refusing(1000, 250, 250, 4)) == "advance"  # 0.4 percent


def test_refusals_that_nobody_asked_about_stop_a_canary_but_do_not_take_it_back() -> None:
    assert judged(tally(9000), refusing(1000, 250, 20, 0)) == "hold"
    assert judged(tally(9000), refusing(1000, 250, 246, 0)) == "advance"


def test_without_pairs_the_shares_of_refusals_are_compared() -> None:
    stable = Arm(20_000, refused=200)

    assert verdict_on(stable, Arm(5000, refused=150), CRITERIA).action == "roll back"
    assert verdict_on(stable, Arm(5000, refused=50), CRITERIA, seen=5000).action == "advance"
    assert verdict_on(replace(stable, refused=None), Arm(5000, refused=5000), CRITERIA).action != (
        "roll back"
    )
