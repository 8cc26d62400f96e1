from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from goldenpath.processes.launch import RouteSlot
from goldenpath.serve.gateway.split import Sticky, rotate, shares


def slots(*percents: int) -> list[RouteSlot]:
    return [RouteSlot(f"r{n}", "", percent, ()) for n, percent in enumerate(percents)]


def choose(slots: list[RouteSlot], point: float) -> str:
    return next(name for upto, name in shares(slots) if point < upto)


def test_rotation_keeps_every_share_exact_to_two_requests() -> None:
    point, counts = 0.3, Counter[str]()

    for _ in range(1000):
        point = rotate(point)
        counts[choose(slots(85, 10, 5), point)] += 1

    assert abs(counts["r0"] - 850) <= 2
    assert abs(counts["r1"] - 100) <= 2
    assert abs(counts["r2"] - 50) <= 2


@given(st.binary(max_size=40), st.integers(0, 100), st.integers(0, 100))
def test_who_is_on_the_canary_stays_there_while_its_share_grows(
    subject: bytes, one: int, other: int
) -> None:
    less, more = sorted((one, other))
    point = Sticky("prod/credit").point(subject)
    before, after = choose(slots(100 - less, less), point), choose(slots(100 - more, more), point)

    assert before == "r0" or after == "r1"


def test_subjects_spread_like_the_percentages_and_apart_for_each_route() -> None:
    subjects = [str(n).encode() for n in range(4000)]
    one = [Sticky("prod/credit").point(subject) < 0.1 for subject in subjects]
    other = [Sticky("prod/fraud").point(subject) < 0.1 for subject in subjects]

    assert 330 <= sum(one) <= 470
    assert sum(a and b for a, b in zip(one, other, strict=True)) < 80


@given(st.floats(0, 1, exclude_max=True))
def test_a_slot_without_a_share_is_never_chosen(point: float) -> None:
    assert choose(slots(100, 0), point) == "r0"
    assert shares(slots(0, 0)) == ()
