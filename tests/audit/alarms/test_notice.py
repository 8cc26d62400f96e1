"""What an alarm tells a person to type."""

import pytest

from goldenpath.audit.alarms.notice import RENEWABLE_KINDS, Notice, NoticeState, notice_text
from goldenpath.promote.platform.alarm_rules import FINDING_KINDS


def _notice(kind: str, state: NoticeState = "open") -> str:
    return notice_text(Notice("f-1", state, kind, "prod", "credit", "sha256:0", "it moved", ""))


@pytest.mark.parametrize("kind", [*FINDING_KINDS, "advisory", "platform"])
def test_an_open_alarm_names_renew_where_other_data_may_help(kind: str) -> None:
    line = "goldenpath renew credit --until DAY --finding f-1 --as PERSON"

    assert (line in _notice(kind)) == (kind in RENEWABLE_KINDS)
    assert line not in _notice(kind, "resolved")
    assert "goldenpath findings close f-1 --as PERSON" in _notice(kind)


def test_every_kind_that_may_be_renewed_is_a_kind_of_finding() -> None:
    assert set(RENEWABLE_KINDS) <= set(FINDING_KINDS)
