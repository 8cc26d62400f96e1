"""`goldenpath health`: the page with and without charts, as HTML, and the verb on a platform."""

import json
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from goldenpath.audit.health.deployment_health import DeploymentHealth
from goldenpath.cli.charts import share_bar, spark_line
from goldenpath.cli.health_html import health_html
from goldenpath.cli.health_page import health_page, health_text
from goldenpath.drift.performance.score_metrics import Performance
from goldenpath.observe.labels.performance_report import PerformanceReport, ReleasePerformance
from tests.audit.health.asked_home import asked_home, health_of, requests, watched
from tests.cli.saying import Command
from tests.observe.spooling import DIGEST
from tests.promote.road import MODEL


def _performance(stage: str, model: str) -> PerformanceReport:
    auc = Performance("roc_auc", 0.81234, 0.79, 0.83)
    release = ReleasePerformance(DIGEST, 5, 0, (auc,), (), None, ("no label <yet>",))
    return PerformanceReport(stage, model, "2026-10-01", (release,), 0, ("segment x is gone",))


@pytest.fixture(scope="module")
def health(tmp_path_factory: pytest.TempPathFactory) -> DeploymentHealth:
    home = asked_home(tmp_path_factory.mktemp("asked"), requests())
    watched(home)
    return health_of(home, _performance)


def test_one_page_says_everything_that_is_known(health: DeploymentHealth) -> None:
    text = health_page([health])

    for words in (
        DIGEST, "100 %", "risk <models>", "https://wiki.bank.example/drift",
        "answered", "refused: unknown code", "latency of 4 answers: median 2.0 ms",
        health.findings[0].finding.id, "alarm budget: -0.95 of 0.05 a year left",
        "drift in status", "roc_auc  0.8123 (0.7900 to 0.8300)  unknown", "no label <yet>",
        "not counted: segment x is gone", "never known here: answers of the last seconds",
    ):  # fmt: skip
        assert words in text, words


def test_without_a_terminal_there_is_no_block_character(health: DeploymentHealth) -> None:
    plain, charted = health_page([health]), health_text(health, with_charts=True)

    assert not set(plain) & set("▁▂▃▄▅▆▇█▏▎▍▌▋▊▉")
    (answered,) = (line for line in charted.splitlines() if line.startswith("answered"))
    assert answered.rstrip().endswith("▃ █")
    (status,) = (line for line in charted.splitlines() if line.startswith("status "))
    assert "█" * 10 in status


def test_what_nobody_knows_is_unknown_and_never_a_number(health: DeploymentHealth) -> None:
    answers = replace(health.answers, hours=(), latency=None, unknown=("there is no log",))
    blind = replace(
        health, answers=answers, performance=None, drift=(), findings=(), owner="", runbook=""
    )

    text = health_page([blind])

    assert (
        "answers, refusals and latency are unknown" in text and "unknown: there is no log" in text
    )
    assert "performance is unknown" in text and "no open finding is known on this machine" in text
    assert "owner: nobody is named" in text and "runbook: none is named" in text
    assert "0.0" not in text and "PSI" not in text


def test_the_web_page_stands_alone_without_script_and_with_everything_escaped(
    health: DeploymentHealth,
) -> None:
    finding = health.findings[0]
    hostile = replace(finding.finding, sentence="<script>alert(1)</script> & more")
    page = health_html([replace(health, findings=(replace(finding, finding=hostile),))])

    assert "<script" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "risk &lt;models&gt;" in page and "default-src 'none'" in page
    assert not any(word in page for word in ("src=", "href=", "url(", "@import", "onload="))
    shapes = _Shapes()
    shapes.feed(page)
    assert shapes.open == [] and shapes.seen.count("svg") == 2 + 3
    assert set(shapes.seen) <= _HARMLESS and 'class="alarm"' in page
    ours = unescape(health_html([health]))
    for word in health_page([health]).split():
        assert word in ours, word


_HARMLESS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "tr", "th", "td",
    "svg", "rect",
}  # fmt: skip


class _Shapes(HTMLParser):
    """The names of all elements, and those that are still open."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_bars_show_the_largest_value_in_full_and_anything_above_nothing() -> None:
    random = np.random.default_rng(1)
    for values in (random.random(24) * 1e9, random.random(3) * 1e-9, np.zeros(5)):
        line = spark_line(values.tolist())
        assert len(line) == len(values)
        assert all((mark == " ") == (value == 0) for mark, value in zip(line, values, strict=True))
        assert ("█" in line) == bool(values.any())
    assert spark_line([]) == "" and spark_line([float("nan"), 1.0]) == "?█"
    assert [share_bar(each, 4) for each in (-1.0, 0.0, 0.5, 1.0, 7.0)] == [
        "    ", "    ", "██  ", "████", "████"
    ]  # fmt: skip
    assert share_bar(float("inf"), 4) == "?   "


def test_on_a_platform_each_stage_with_the_model_has_its_page(
    reading: Command, tmp_path: Path
) -> None:
    page = tmp_path / "health.html"

    said = reading("health", MODEL, "--html", str(page), "--output", "json")

    assert said.code == 0, said.err
    shown = json.loads(said.out)
    assert [each["stage"] for each in shown] == ["dev", "test"]
    assert {each["performance"] for each in shown} == {None}
    assert any("no prediction log" in each for each in shown[0]["answers"]["unknown"])
    assert page.read_text().count("<h1>") == 2
    only = reading("health", MODEL, "--stage", "test")
    assert only.out.startswith(f"test/{MODEL} at ") and "unknown: performance: " in only.out
    nowhere = reading("health", MODEL, "--stage", "prod")
    assert (nowhere.code, "no deployment" in nowhere.out) == (0, True)


def test_a_mistyped_name_is_no_empty_page(reading: Command) -> None:
    assert reading("health", "credit-defalt").code == 3
    assert reading("health", MODEL, "--stage", "prd").code == 2
