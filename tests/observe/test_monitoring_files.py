"""Rules and dashboards: each query names a series that is really exported, and promtool agrees."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
import yaml

from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.findings import findings
from goldenpath.observe.log.records import Block
from goldenpath.observe.monitoring_files import monitoring_files, write_monitoring_files
from goldenpath.observe.refusal_reasons import refusal_reason
from goldenpath.observe.telemetry.monitor_series import e_value
from tests.observe.exporting import FACTS, NOW, exporting, exporting_telemetry
from tests.observe.spooling import answer, draw, header
from tests.programs import program

_FUNCTIONS = {"absent", "by", "histogram_quantile", "group_left", "ignoring", "increase"} | {
    "label_values", "max", "min", "rate", "sum", "time",
}  # fmt: skip


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What Prometheus reads from a page over HTTP, after answers, refusals and an alarm."""
    with exporting(tmp_path_factory.mktemp("home")) as page:
        yield urllib3.request("GET", f"http://{page.address}/metrics").data.decode()


def _queries() -> Iterator[tuple[str, str]]:
    rules = yaml.safe_load(monitoring_files("rules")["goldenpath-rules.yaml"])
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for name, content in monitoring_files("dashboards").items():
        board = json.loads(content)
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{name}: {variable['name']}", variable["query"]["query"]


QUERIES = [*_queries()]


def _series(expression: str) -> tuple[set[str], set[str]]:
    """The names of series and of labels in a query."""
    plain = re.sub(r'"[^"]*"', '""', expression)
    labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!=|!~|=(?!=))", plain))
    for listed in re.findall(r"(?:by|ignoring|on|group_left)\s*\(([^)]*)\)", plain):
        labels |= {each.strip() for each in listed.split(",") if each.strip()}
    labels |= set(re.findall(r",\s*([a-z_]+)\)\s*$", plain)) if "label_values" in plain else set()
    words = set(re.findall(r"(?<![\w$])[a-z_]{3,}(?![\w])", re.sub(r"\[\d+[mh]\]", "", plain)))
    return words - labels - _FUNCTIONS, labels - {"le"}


@pytest.mark.parametrize(("place", "expression"), QUERIES, ids=[place for place, _ in QUERIES])
def test_each_query_names_series_and_labels_that_are_exported(
    scraped: str, place: str, expression: str
) -> None:
    names, labels = _series(expression)

    assert names
    for name in names:
        lines = [line for line in scraped.splitlines() if re.match(rf"{name}[{{ ]", line)]
        assert lines, f"{name} is not exported"
    exported = set(re.findall(r'[{,]([a-z_]+)="', scraped))
    assert labels <= exported, f"no series has {sorted(labels - exported)}"


def test_there_is_a_dashboard_for_each_task_and_one_for_the_platform() -> None:
    names = set(monitoring_files("dashboards"))
    assert names == {f"goldenpath-{task}.json" for task in ("probability", "classes", "value")} | {
        "goldenpath-platform.json"
    }
    uids = [json.loads(content)["uid"] for content in monitoring_files("dashboards").values()]
    assert len(set(uids)) == 4


def test_each_alert_is_tested_in_both_directions() -> None:
    files = monitoring_files("rules")
    rules = yaml.safe_load(files["goldenpath-rules.yaml"])
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    tests = yaml.safe_load(files["goldenpath-rules-test.yaml"])["tests"]

    tried = {(t["alertname"], bool(t["exp_alerts"])) for e in tests for t in e["alert_rule_test"]}

    assert tried == {(alert, fires) for alert in alerts for fires in (True, False)}


@pytest.mark.interop
def test_promtool_accepts_the_rules_and_their_tests(tmp_path: Path) -> None:
    promtool = program("promtool")
    write_monitoring_files("rules", tmp_path)

    checked = ["check", "rules", "goldenpath-rules.yaml"]
    for words in (checked, ["test", "rules", "goldenpath-rules-test.yaml"]):
        done = subprocess.run(
            [str(promtool), *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.interop
def test_promtool_refuses_the_tests_of_a_rule_that_was_broken(tmp_path: Path) -> None:
    promtool = program("promtool")
    write_monitoring_files("rules", tmp_path)
    rules = tmp_path / "goldenpath-rules.yaml"
    rules.write_text(rules.read_text().replace("ml_findings_open) > 0", "ml_findings_open) > 1"))

    done = subprocess.run(
        [str(promtool), "test", "rules", "goldenpath-rules-test.yaml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert done.returncode != 0


def test_a_changed_file_is_not_overwritten(tmp_path: Path) -> None:
    first = write_monitoring_files("dashboards", tmp_path)
    assert write_monitoring_files("dashboards", tmp_path) == first
    first[0].write_text("mine")

    with pytest.raises(InvalidInput, match="differs from the file of this version"):
        write_monitoring_files("dashboards", tmp_path)
    assert first[0].read_text() == "mine"


def _value(page: str, name: str, *parts: str) -> float:
    (line,) = (
        line
        for line in page.splitlines()
        if line.startswith(name + "{") and all(part in line for part in parts)
    )
    return float(line.rpartition(" ")[2])


def test_evidence_is_an_e_value_and_reaches_its_threshold_at_an_alarm(scraped: str) -> None:
    evidence = _value(scraped, "ml_drift_evidence_ratio")
    threshold = _value(scraped, "ml_drift_threshold_ratio")

    assert evidence >= threshold > 100, "an e-value and not its logarithm"
    assert (e_value(0.0), e_value(1e6)) == (1.0, float("inf"))
    assert _value(scraped, "ml_drift_answer", 'ml_answer="drift"') == 1
    assert _value(scraped, "ml_drift_answer", 'ml_answer="too few rows"') == 0
    assert _value(scraped, "ml_drift_budget_left") < FACTS.contract.monitor.false_alarms_a_year
    assert sum(
        _value(scraped, "ml_findings_open", f'kind="{kind}"') for kind in ("shift", "new code")
    )
    assert _value(scraped, "ml_findings_open", 'kind="missing"') == 0


def test_refusals_have_one_of_few_reasons(scraped: str) -> None:
    refused = 'ml_refusal_reason="outside the contract"'
    assert _value(scraped, "ml_refusals_total", refused, 'id="r1"') == 1
    assert _value(scraped, "ml_refusals_total", '"not available"', 'id="gateway"') == 15
    assert "row 0" not in scraped
    assert refusal_reason(503, "not recorded") == "not recorded"
    assert refusal_reason(418, "a teapot with a number 12345") == "other"


def test_nothing_vanishes_in_a_quiet_minute_or_after_a_restart(tmp_path: Path) -> None:
    telemetry, monitor = exporting_telemetry(tmp_path)
    block = Block.of(header(), [answer(0, draw(1000, 1))])
    telemetry.add(monitor.add(block, NOW)[0])
    monitor.save(NOW)
    telemetry.flush(monitor.verdicts, NOW, finish=True)
    before = telemetry.page(False).decode()

    telemetry, monitor = exporting_telemetry(tmp_path)
    monitor.know(block.header.stage, block.header.model, block.header.digest)
    telemetry.flush(monitor.verdicts, NOW, finish=True)

    after = telemetry.page(False).decode()
    for name in ("ml_drift_evidence_ratio", "ml_drift_threshold_ratio", "ml_log_lost_total"):
        assert f"{name}{{" in before and f"{name}{{" in after
    assert "goldenpath_build_info{" in after
    assert list(findings(tmp_path / "findings")) == []


def test_bins_can_be_switched_off(tmp_path: Path) -> None:
    telemetry, monitor = exporting_telemetry(tmp_path, bins=False)
    telemetry.add(monitor.add(Block.of(header(), [answer(0, draw(100, 1))]), NOW)[0])
    telemetry.flush(monitor.verdicts, NOW, finish=True)

    page = telemetry.page(False).decode()
    assert "ml_feature_bin_total" not in page
    assert "ml_feature_out_of_range_total{" in page
