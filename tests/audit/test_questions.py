"""The 25 questions of an auditor: one command each, over one home, without a network.

A question whose command does not exist yet stands in `MISSING`. The day its command exists, a test
fails here until the question has moved to `QUESTIONS`.
"""

import json
import shlex
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from goldenpath.cli.families import VERBS, command_of
from goldenpath.home import HOME_VARIABLE
from tests.audit.proofs.proven_home import HELD, ProvenHome, serve_a_home

Answer = Any
"""A parsed JSON document."""
MOMENT = HELD.isoformat()
NEXT_DAY = "2026-11-23T12:00:00Z"


def field(number: str) -> Callable[[Answer], bool]:
    """Whether the report has a field with a status, its text and its sources."""
    return lambda report: any(
        each["number"] == number and each["status"] for each in report["fields"]
    )


@dataclass(frozen=True, slots=True)
class Question:
    """One question, its one command, and what its answer has to say."""

    number: int
    text: str
    line: str
    holds: Callable[[Answer], bool]
    code: int = 0
    changes: bool = False


REPORT = "report {release}"
QUESTIONS = (
    Question(1, "which systems run", "register", lambda r: r["systems"] and r["beyond"]),
    Question(
        2, "is it high-risk, who decided", "register --model credit",
        lambda r: all(sum(map(bool, (r["systems"][0][name]["value"],
                                     r["systems"][0][name]["unknown"]))) == 1
                      for name in ("tier", "classified_by")),
    ),
    Question(
        3, "since when in service", f"register --model credit --at {NEXT_DAY}",
        lambda r: r["systems"][0]["first_service"]["value"] == "2026-11-22T13:00:00Z",
    ),
    Question(
        4, "what was live then", f"at {MOMENT}",
        lambda r: r[0]["shares"][0]["digest"] == r[0]["intent"]["slots"][0]["digest"],
    ),
    Question(5, "why was this person declined", "trace {prediction}", lambda r: bool(r)),
    Question(
        6, "would it answer the same today",
        "replay {prediction} --reason 'an audit' --as validator --key {folder}/validator",
        # The model of this home is no graph: what cannot be replayed has a cause, and is no "yes".
        lambda r: r["answers"][0]["causes"] and "equal" not in r["counts"],
        code=7, changes=True,
    ),
    Question(7, "which data trained it", REPORT, field("2.13")),
    Question(8, "did nobody alter it", "verify {release}", lambda r: "findings" in r),
    Question(9, "did test data leak", REPORT, field("2.22")),
    Question(10, "were thresholds first", REPORT, field("2.25")),
    Question(11, "how does it do for groups", REPORT, field("2.24")),
    Question(12, "who let a red gate pass", "waivers", lambda r: {"waivers", "unknown"} <= set(r)),
    Question(13, "who signed the tests", REPORT, field("2.28")),
    Question(14, "is the validator independent", "sod", lambda r: "paths" in r, code=7),
    Question(15, "known limits and misuses", REPORT, field("3.1")),
    Question(
        16, "how is it stopped, when was that tried", f"oversight --at {NEXT_DAY}",
        lambda r: r["stops"] == [] and r["unknown"],
    ),
    Question(
        17, "do people disagree with it", f"oversight --at {NEXT_DAY}",
        lambda r: r["models"][0]["second_looks"] == 1 and r["overrides"] == "not known",
    ),
    Question(18, "how is it noticed to get worse", "findings", lambda r: r == []),
    Question(19, "poisoning, evasion, theft", REPORT, field("2.30")),
    Question(
        20, "which open-source parts are inside", "affected joblib==1.5.2",
        lambda r: r["affected"][0]["places"][0]["state"] == "live", code=7,
    ),
    Question(
        21, "an incident from alert to report", "incident",
        lambda r: {each["duty"] for each in r[0]["clocks"]} >= {"ai-act-serious", "dora-initial"},
    ),
    Question(22, "are the logs complete", "log check", lambda r: bool(r)),
    Question(
        23, "what does an erasure leave",
        "log erase client --reason 'a request' --as manager --key {folder}/manager",
        lambda r: bool(r["subject_ref"]), changes=True,
    ),
    Question(
        24, "the file, on a laptop without a network", "prove {prediction} --bundle {folder}/b.tgz",
        lambda r: bool(r),
    ),
    Question(
        25, "what is proven, declared, missing", REPORT,
        lambda r: {"PROVEN", "MISSING", "DECLARED"} <= set(r["counts"]),
    ),
)  # fmt: skip
MISSING: Mapping[int, str] = {}
"""Questions whose command is not there yet, by number."""


@dataclass(frozen=True, slots=True)
class Office:
    """One home that everybody asks, and the answers that were given already."""

    folder: Path
    home: ProvenHome
    given: dict[str, tuple[int, str]]

    def ask(self, line: str, folder: Path) -> tuple[int, str]:
        words = shlex.split(
            line.format(
                release=self.home.served.made.image.digest,
                prediction=self.home.served.prediction_id,
                folder=folder,
            )
        )
        command = command_of(words[0])
        environment = {HOME_VARIABLE: str(folder / "home")}
        with without_a_network():
            result = CliRunner().invoke(command, [*words[1:], "--output", "json"], env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            f"{line}: {result.exception!r}"
        )
        return result.exit_code, result.stdout


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    folder = tmp_path_factory.mktemp("questions")
    home = serve_a_home(folder)
    home.anchor()
    made = Office(folder, home, {})
    opened = "incident open 'wrong scores' --model credit --as manager --key {folder}/manager"
    code, _ = made.ask(opened, folder)
    assert code == 0
    return made


_WATCHED: list[list[str]] = []
"""What the present question asked the network for; empty if no question is asked."""


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _WATCHED and event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect"):
        place = arguments[-1] if event == "socket.connect" else arguments[0]
        if event != "socket.connect" or not isinstance(place, str | bytes):
            _WATCHED[-1].append(f"{event} {place!r}")


sys.addaudithook(_watch)  # it cannot be taken away, and does nothing while no question is asked


@contextmanager
def without_a_network() -> Iterator[None]:
    """Fails if this process looks a name up or connects to an address; a local socket may be."""
    asked: list[str] = []
    _WATCHED.append(asked)
    try:
        yield
    finally:
        _WATCHED.remove(asked)
    assert asked == []


def test_a_look_at_the_network_is_seen() -> None:
    with pytest.raises(AssertionError), without_a_network():
        socket.getaddrinfo("localhost", 80)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: f"{each.number} {each.text}")
def test_a_question_is_answered_by_one_command(
    office: Office, tmp_path: Path, question: Question
) -> None:
    if question.changes:
        shutil.copytree(office.folder, tmp_path / "copy")
        code, text = office.ask(question.line, tmp_path / "copy")
    else:
        if question.line not in office.given:
            office.given[question.line] = office.ask(question.line, office.folder)
        code, text = office.given[question.line]

    assert code == question.code, text
    assert question.holds(json.loads(text)), text[:2000]


def test_every_question_has_one_command_or_is_named_as_missing() -> None:
    numbers = [each.number for each in QUESTIONS]

    assert sorted([*numbers, *MISSING]) == list(range(1, 26))
    for number, verb in MISSING.items():
        assert verb not in VERBS, f"question {number} has its command now: move it to QUESTIONS"
