"""A remote repository is asked beside the loop, seldom, and more rarely while it is away."""

import threading
import time

import pytest

from goldenpath.deploy.reconcile.poll import EVERY, RARELY, Poll
from goldenpath.errors import Unavailable


class Remote:
    """Counts the questions; may be away."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.is_away = False
        self.answers = threading.Event()
        self.answers.set()

    def ask(self) -> str:
        self.asked += 1
        self.answers.wait()
        if self.is_away:
            raise Unavailable("the remote is away")
        return f"commit {self.asked}"

    def clock(self) -> float:
        return self.now


@pytest.fixture
def remote() -> Remote:
    return Remote()


def test_the_first_answer_is_waited_for_and_then_it_is_asked_seldom(remote: Remote) -> None:
    poll = Poll(remote.ask, remote.clock)

    for second in range(int(EVERY) * 4):
        remote.now = second
        assert poll.head().startswith("commit")

    assert remote.asked <= 5


def test_a_remote_that_answers_late_keeps_nobody_waiting(remote: Remote) -> None:
    poll = Poll(remote.ask, remote.clock)
    poll.head()
    remote.answers.clear()
    remote.now += EVERY

    assert poll.head() == "commit 1"
    remote.answers.set()


def test_a_remote_that_is_away_is_asked_ever_more_rarely(remote: Remote) -> None:
    remote.is_away = True
    poll = Poll(remote.ask, remote.clock)

    for minute in range(60):
        remote.now = minute * 60.0
        with pytest.raises(Unavailable):
            poll.head()

    assert remote.asked <= 60 * 60 / RARELY + 8


def test_who_is_in_a_hurry_does_not_wait_for_the_next_time(remote: Remote) -> None:
    poll = Poll(remote.ask, remote.clock)
    poll.head()

    poll.hurry()

    while poll.head() != "commit 2":
        time.sleep(0.001)
    assert remote.asked == 2
