"""Gates in the platform's own Python: an object with one method, named in platform.toml."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.gate import Evidence, judge_all
from goldenpath.promote.gates.written_gates import written_gates
from goldenpath.promote.platform.custom_gate import NamedGate
from goldenpath.promote.platform.platform import Stage, parse_platform, render_platform
from goldenpath.release.attest.policy import Finding
from tests.promote.example import platform
from tests.promote.gates.test_gates import NOW, PROD, ROAD, evidence

HERE = "tests.promote.gates.test_installed_gate"


@dataclass(frozen=True)
class WorkingHours:
    """Nothing new enters at night."""

    name: str = "working-hours"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Judge by the given time."""
        if 8 <= now.hour < 17:
            return Finding(self.name, "pass", f"it is {now.hour} o'clock")
        return Finding(self.name, "fail", f"it is {now.hour} o'clock", "wait until eight")


class Broken:
    """A gate that raises."""

    name = "broken"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Raise an unexpected error."""
        raise ZeroDivisionError("no rows")


class Mute:
    """A gate that does not return a finding."""

    name = "mute"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> object:
        """Return something else than a finding."""
        return True


HOURS = WorkingHours()


def judged(path: str, now: datetime = NOW) -> Finding:
    stage = replace(PROD, gates=())
    named = NamedGate("own", ("prod",), path)
    road = replace(ROAD, stages=(stage, replace(PROD, name="later")), named_gates=(named,))
    (found,) = judge_all(written_gates(road), evidence(platform=road), stage, now)
    return found


@pytest.mark.parametrize("path", [f"{HERE}:HOURS", f"{HERE}:WorkingHours"])
def test_an_object_or_its_class_judges_under_the_name_that_the_platform_gave(path: str) -> None:
    open_, closed = judged(path), judged(path, NOW + timedelta(hours=9))

    assert (open_.check, open_.status) == ("own", "pass")
    assert "12 o'clock (tests, of no installed distribution)" in open_.message
    assert (closed.status, closed.cure) == ("fail", "wait until eight")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no_such_package.rules:GATE", "cannot be loaded: No module named"),
        (f"{HERE}:ABSENT", "cannot be loaded: module"),
        (f"{HERE}:Broken", "raised ZeroDivisionError: no rows"),
        (f"{HERE}:Mute", "gave no finding"),
    ],
)
def test_what_cannot_judge_never_lets_pass(path: str, said: str) -> None:
    found = judged(path)

    assert found.status == "fail"
    assert said in found.message
    assert found.cure


def test_a_gate_says_which_version_of_its_package_judged() -> None:
    assert "(goldenpath " in judged("goldenpath.promote.gates.fact_gates:Schema").message


def test_a_named_gate_reads_back_and_its_faults_are_found() -> None:
    named = NamedGate("second-look", ("prod",), "bank_gates.rules:SECOND_LOOK")
    full = replace(platform(), named_gates=(named,))
    assert parse_platform(render_platform(full)) == full

    for wrong, said in (
        (replace(named, object="bank gates"), "object: expected package.module:NAME"),
        (replace(named, name="champion"), "a name that no other gate has"),
        (replace(named, stages=("moon",)), "gate second-look: 'moon' is not a stage"),
    ):
        with pytest.raises(InvalidInput, match=said):
            parse_platform(render_platform(replace(full, named_gates=(wrong,))))
