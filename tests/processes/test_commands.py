"""Lines from the supervisor, read from a real pipe."""

import os
import threading
from collections.abc import Iterator

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.processes.commands import LONGEST, Commands


@pytest.fixture
def pipe() -> Iterator[tuple[Commands, int]]:
    reading, writing = os.pipe()
    yield Commands(reading), writing
    os.close(reading)


def test_the_first_line_is_waited_for_and_the_rest_is_kept(pipe: tuple[Commands, int]) -> None:
    commands, writing = pipe
    later = threading.Timer(0.1, lambda: os.write(writing, b"launch\nsecond\nthi"))
    later.start()

    assert commands.first() == b"launch"
    assert commands.within(0) == [b"second"]
    os.write(writing, b"rd\n")
    assert commands.within(10) == [b"third"]
    os.close(writing)


def test_nothing_within_the_time_is_no_line_and_no_end(pipe: tuple[Commands, int]) -> None:
    commands, writing = pipe

    assert (commands.within(0.01), commands.have_ended) == ([], False)
    os.close(writing)
    assert (commands.within(10), commands.have_ended) == ([], True)


def test_an_input_that_ends_gives_what_there_is_of_its_first_line(
    pipe: tuple[Commands, int],
) -> None:
    commands, writing = pipe
    os.write(writing, b"half")
    os.close(writing)

    assert commands.first() == b"half"


def test_a_line_without_end_is_refused(pipe: tuple[Commands, int]) -> None:
    commands, writing = pipe
    writer = threading.Thread(target=_flood, args=(writing,))
    writer.start()

    with pytest.raises(InvalidInput, match="too long"):
        commands.first()

    while not commands.have_ended:  # lets the writer end
        try:
            commands.within(1)
        except InvalidInput:
            continue
    writer.join()


def _flood(descriptor: int) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"x" * (LONGEST + 200_000))
