"""Pages are drawn from any record: nothing in one is markup, and every text is in the catalogue."""

import re
from pathlib import Path

import pytest

import goldenpath.console
from goldenpath.console.drawings import columns, interval, shares, split
from goldenpath.console.page_texts import TEXTS
from goldenpath.console.verb_answer import VerbAnswer
from goldenpath.console.views import Views, moment, short
from goldenpath.digest import Digest

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e\"'"
CONSOLE = Path(goldenpath.console.__file__).parent


@pytest.mark.parametrize("is_part", [True, False])
def test_hostile_texts_are_shown_and_steer_nothing(is_part: bool) -> None:
    answer = VerbAnswer(
        ("waivers",), {"any": 1}, HOSTILE, notes=(HOSTILE,), error=HOSTILE, hint=HOSTILE
    )
    page = Views().panel("waivers", {}, {"answer": answer}, is_part=is_part)

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not set("\x1b\u202e") & set(page)


def test_a_title_of_a_drawing_is_no_markup() -> None:
    drawn = split(HOSTILE, [50, 50]) + columns(HOSTILE, [1, 0], [0, 2]) + interval(HOSTILE, 0, 1, 0)
    drawn += shares(HOSTILE, [0.5, 0.5], [1, 0])

    assert "<script>" not in drawn
    assert drawn.count("<svg ") == drawn.count("</svg>") == 4


def test_a_status_that_nobody_keeps_up_to_date_is_not_shown_as_what_runs() -> None:
    register = {
        "systems": [
            {
                "model": "credit", "findings": [], "tier": {"value": "high"},
                "owner": {"value": ""},
                "stages": [{"stage": "prod", "state": "live", "releases": []}],
            }
        ],
        "beyond": [],
    }  # fmt: skip
    status = {"deployments": [{"name": "prod/credit", "phase": "ready", "conditions": [],
                               "marks": []}]}  # fmt: skip

    def road(notes: tuple[str, ...]) -> str:
        answers = {
            "register": VerbAnswer(("register",), register),
            "status": VerbAnswer(("status",), status, notes=notes),
        }
        return Views().panel("road", {}, answers, is_part=True)

    assert "ready" in road(())
    assert "ready" not in road(("goldenpath up does not run here",))


def test_an_answer_that_must_not_be_relied_on_is_shown_with_its_reason() -> None:
    answer = VerbAnswer(("at", "now"), [], error="the log is damaged", code=4)
    page = Views().panel("at", {}, {"answer": answer}, is_part=True)

    assert TEXTS["answer.doubt"] in page
    assert "the log is damaged" in page


def test_every_text_is_used_and_every_text_used_is_there() -> None:
    sources = [
        each.read_text()
        for each in CONSOLE.rglob("*")
        if each.suffix in (".html", ".py") and each.name != "page_texts.py"
    ]
    used = {key for text in sources for key in re.findall(r'(?<![a-z_])t\("([a-z_.]+)"[,)]', text)}
    built = {f"evidence.{name}" for name in ("prediction", "release", "part", "time")}
    named = {key for key in TEXTS if any(f'"{key}"' in text for text in sources)}

    assert used <= TEXTS.keys()
    assert TEXTS.keys() == used | built | named


def test_digests_are_short_and_times_are_to_the_second() -> None:
    digest = Digest(f"sha256:{'a' * 64}")

    assert short(digest) == short(digest.text) == f"sha256:{'a' * 12}"
    assert short("no digest") == "no digest"
    assert moment("2026-11-22T13:00:00.123Z") == "2026-11-22 13:00:00"


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    for template in (CONSOLE / "templates").rglob("*.html"):
        text = template.read_text()
        assert not re.search(r"""\s(style|on[a-z]+|hx-on[a-z:-]*)=""", text), template
        assert not re.search(r"""(src|href|action)="(https?:)?//""", text), template
