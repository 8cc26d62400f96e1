"""Answers are kept while nothing has changed, and an older one is never given as a new one."""

import threading
from collections.abc import Iterator

import pytest

from goldenpath.console.answer_cache import MOST_AGE, AnswerCache
from goldenpath.console.verb_answer import VerbAnswer

WORDS = ("register",)


class Machine:
    """A machine whose verbs answer with how often they ran, as soon as they may."""

    def __init__(self) -> None:
        self.state = "one"
        self.runs = 0
        self.seconds = 0.0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.cache = AnswerCache(self.ask, lambda: self.state, lambda: self.seconds)

    def ask(self, words: tuple[str, ...]) -> VerbAnswer:
        self.runs += 1
        run = self.runs
        assert self.may_answer.wait(30)
        return VerbAnswer(words, record=run)

    def change(self, state: str) -> None:
        self.state = state
        self.seconds += 1


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine()
    yield made
    made.may_answer.set()


def test_an_answer_is_kept_while_nothing_changes(machine: Machine) -> None:
    first = machine.cache.answer(WORDS)
    machine.seconds += 1

    assert machine.cache.answer(WORDS) == first
    assert (machine.runs, first.is_past) == (1, False)
    assert first.read_at is not None


def test_a_change_and_the_time_make_it_run_again(machine: Machine) -> None:
    machine.cache.answer(WORDS)
    machine.change("two")
    assert machine.cache.answer(WORDS).record == 2
    machine.seconds += MOST_AGE
    assert machine.cache.answer(WORDS).record == 3


def test_what_is_not_kept_runs_each_time(machine: Machine) -> None:
    assert [machine.cache.answer(WORDS, is_kept=False).record for _ in range(3)] == [1, 2, 3]


def test_other_words_are_another_answer(machine: Machine) -> None:
    machine.cache.answer(WORDS)

    assert machine.cache.answer(("at", "now")).words == ("at", "now")
    assert machine.runs == 2


def test_while_it_runs_again_the_one_before_is_given_marked_and_news_come(machine: Machine) -> None:
    machine.cache.answer(WORDS)
    machine.may_answer.clear()
    machine.change("two")
    before = machine.cache.news()

    past = machine.cache.answer(WORDS)
    assert (past.record, past.is_past) == (1, True)
    assert machine.cache.news() == before, "there is nothing new to show yet"

    machine.may_answer.set()
    while machine.cache.news() == before:
        pass
    now = machine.cache.answer(WORDS)
    assert (now.record, now.is_past, machine.runs) == (2, False, 2)


def test_a_verb_that_raises_tells_who_waits_and_may_run_again(machine: Machine) -> None:
    def broken(words: tuple[str, ...]) -> VerbAnswer:
        machine.runs += 1
        raise RuntimeError("a bug")

    cache = AnswerCache(broken, lambda: "one")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a bug"):
            cache.answer(WORDS)
    assert machine.runs == 2


def test_all_who_ask_at_the_same_time_share_one_run(machine: Machine) -> None:
    machine.may_answer.clear()
    answers: list[VerbAnswer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(machine.cache.answer(WORDS)))
        for _ in range(8)
    ]
    for each in threads:
        each.start()
    while not machine.runs:
        pass
    machine.may_answer.set()
    for each in threads:
        each.join()

    assert [each.record for each in answers] == [1] * 8
