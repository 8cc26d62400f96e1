"""Open findings of the monitors keep a release out, and what nobody counted does too."""

from dataclasses import replace
from datetime import timedelta

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.gates.gate import Live, judge_all
from goldenpath.promote.gates.monitoring.findings_gate import OpenFindings
from goldenpath.promote.gates.monitoring.monitor_view import MonitorFinding, MonitorView
from goldenpath.promote.platform.alarm_rules import FINDING_KINDS, FindingRules
from goldenpath.promote.platform.platform import FILE, parse_platform
from goldenpath.release.attest.policy import Finding
from tests.promote.gates.test_gates import DIGEST, NOW, PROD, ROAD, evidence
from tests.promote.road import CONTRACT

LIVE = Digest.of(b"live")
COUNTED = {
    ("prod", LIVE.text): "2026-11-23T11:59:00Z",
    ("test", DIGEST.text): "2026-11-23T11:58:00Z",
}
OPEN = MonitorFinding(
    "drift-1", "shift", "prod", LIVE.text, "drift in income", NOW - timedelta(days=2),
    owner="risk models",
)  # fmt: skip


def judged(
    *findings: MonitorFinding,
    rules: FindingRules | None = None,
    view: MonitorView | None = None,
    has_live: bool = True,
) -> Finding:
    stage = replace(PROD, gates=("findings",), findings=rules or FindingRules())
    live = Live(LIVE, CONTRACT, ()) if has_live else None
    given = evidence(live=live, monitored=view or MonitorView(findings, COUNTED))
    return OpenFindings().judge(given, stage, NOW)


def test_without_an_open_finding_the_gate_is_open_and_says_up_to_when_was_counted() -> None:
    finding = judged()

    assert finding.status == "pass"
    assert "up to 2026-11-23T11:59:00Z" in finding.message


def test_an_open_finding_closes_it_by_name_with_age_owner_and_cure() -> None:
    finding = judged(OPEN)

    assert finding.status == "fail"
    assert "drift-1 about the live release in prod is open since 2026-11-21" in finding.message
    assert "owner: risk models" in finding.message
    assert "goldenpath findings close drift-1" in (finding.cure or "")


@pytest.mark.parametrize("kind", [*FINDING_KINDS, "a kind of tomorrow"])
def test_every_kind_closes_it_unless_the_stage_says_otherwise(kind: str) -> None:
    assert judged(replace(OPEN, kind=kind)).status == "fail"


@pytest.mark.parametrize(
    ("rules", "kind", "status"),
    [
        (FindingRules(kinds=("refused",)), "shift", "pass"),
        (FindingRules(kinds=("refused",)), "refused", "fail"),
        (FindingRules(severities=("critical",)), "shift", "pass"),
        (FindingRules(severities=("critical",)), "unobserved", "fail"),
        (FindingRules(of=("release",)), "shift", "pass"),
        (FindingRules(older_than=timedelta(days=2)), "shift", "fail"),
        (FindingRules(older_than=timedelta(days=2, seconds=1)), "shift", "pass"),
    ],
)
def test_a_stage_says_which_findings_count(rules: FindingRules, kind: str, status: str) -> None:
    assert judged(replace(OPEN, kind=kind), rules=rules).status == status


def test_findings_of_the_release_itself_count_in_any_stage() -> None:
    own = replace(OPEN, stage="test", release=DIGEST.text)

    assert "about this release in test" in judged(own).message
    assert judged(own, rules=FindingRules(of=("live",))).status == "pass"


def test_findings_of_other_releases_and_of_other_stages_of_the_live_one_do_not_count() -> None:
    others = (replace(OPEN, release=Digest.of(b"old").text), replace(OPEN, stage="dev"))

    assert judged(*others).status == "pass"


def test_one_without_a_readable_time_is_older_than_any_limit() -> None:
    rules = FindingRules(older_than=timedelta(days=900))

    assert judged(replace(OPEN, opened_at=None), rules=rules).status == "fail"


def test_what_ended_later_was_open_and_what_came_later_was_not() -> None:
    assert judged(replace(OPEN, ended_at=NOW + timedelta(seconds=1))).status == "fail"
    assert judged(replace(OPEN, opened_at=NOW + timedelta(seconds=1))).status == "pass"


def test_who_closed_a_finding_stands_in_what_approvers_sign() -> None:
    closed = replace(OPEN, ended_at=NOW, closed_by="validator", reason="a holiday")

    assert "drift-1 was closed by validator: a holiday" in judged(closed).message


@pytest.mark.parametrize(
    "view",
    [
        MonitorView(),
        MonitorView(counted={("test", DIGEST.text): ""}),
        MonitorView(counted={("prod", LIVE.text): ""}),
        MonitorView(counted={("dev", LIVE.text): "", ("test", DIGEST.text): ""}),
        MonitorView(counted=COUNTED, unread=("a finding cannot be read",)),
    ],
)
def test_what_nobody_can_tell_is_no_pass(view: MonitorView) -> None:
    finding = judged(view=view)

    assert finding.status == "fail"
    assert finding.message.startswith("nobody can tell: ")


def test_a_release_without_a_view_is_refused() -> None:
    stage = replace(PROD, gates=("findings",))

    assert OpenFindings().judge(evidence(), stage, NOW).status == "fail"


def test_a_stage_that_does_not_name_the_gate_does_not_ask_it() -> None:
    from goldenpath.promote.gates.fact_gates import GATES

    given = evidence(monitored=MonitorView((OPEN,), COUNTED))

    assert "findings" not in {each.check for each in judge_all(GATES, given, PROD, NOW)}


RULES = FindingRules(("shift", "unobserved"), ("warning",), ("live",), timedelta(hours=6))


def test_the_rules_of_a_stage_are_written_and_read_back() -> None:
    prod = replace(PROD, gates=(*PROD.gates, "findings"), findings=RULES)
    platform = replace(ROAD, stages=(prod,))

    content = platform_files(platform)[FILE]

    assert content is not None
    assert parse_platform(content).stages[0].findings == RULES


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ('kinds = ["shifts"]', "some of shift, new code"),
        ("kinds = []", "some of shift"),
        ('severities = ["critical"]\nkinds = ["shift"]', "a kind of one of the severities"),
        ('of = ["stable"]', "some of live, release"),
        ('older-than = "1 week"', "older-than"),
        ("size = 1", "size"),
    ],
)
def test_rules_that_would_block_nothing_or_are_mistyped_are_faults(lines: str, fault: str) -> None:
    content = platform_files(replace(ROAD, stages=(replace(PROD, gates=("findings",)),)))[FILE]
    assert content is not None
    text = content.decode()
    head, _, rest = text.partition('soak = "1h"')

    with pytest.raises(InvalidInput, match=fault):
        parse_platform(f'{head}soak = "1h"\n[stage.findings]\n{lines}\n{rest}'.encode())


def test_rules_without_the_gate_are_a_fault() -> None:
    content = platform_files(replace(ROAD, stages=(replace(PROD, findings=RULES),)))[FILE]

    assert content is not None
    with pytest.raises(InvalidInput, match="findings among them"):
        parse_platform(content)
