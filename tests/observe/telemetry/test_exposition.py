"""The page that Prometheus reads: both formats, exemplars, access, and Prometheus' own checker."""

import http.client
import subprocess
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from goldenpath import instruments
from goldenpath.errors import Unavailable
from goldenpath.http.access import load_access
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.log.records import Block
from goldenpath.observe.telemetry.exposition import OPENMETRICS, TEXT, metric_name
from goldenpath.observe.telemetry.otlp import TelemetryFiles
from goldenpath.observe.telemetry.scraping import MetricsPage
from goldenpath.observe.telemetry.telemetry import Telemetry
from goldenpath.promote.acts.rights import LISTENERS, METRICS, PAGE
from goldenpath.serve.gateway.refusals import RefusedRequests
from tests.observe.spooling import DIGEST, FACTS, answer, draw, header
from tests.programs import program
from tests.serve.server.test_doors import STRANGERS, TOKENS, rules
from tests.serve.tokens import access_file

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PARENT = f"00-{'1' * 32}-{'2' * 16}-01"
REFUSED = RefusedRequests("", "_OTHER", "http", 431, [2, 1, *[0] * 13], 0.009, 0.001, 0.007)


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Telemetry:
    root = tmp_path_factory.mktemp("home")
    monitor = Monitor(root / "drift", root / "findings", lambda digest: FACTS)
    telemetry = Telemetry(
        TelemetryFiles(root / "telemetry"), None, lambda digest: FACTS, started=NOW, share=0.0
    )
    rows = draw(1000, 1)
    for replica in ("r1", "r2"):
        answered = [
            answer(0, rows, traceparent=PARENT),
            answer(1, rows[:0], status=503, refusal="not recorded"),
        ]
        fresh, _ = monitor.add(Block.of(header(replica), answered), NOW)
        telemetry.add(fresh)
    telemetry.refused([RefusedRequests("prod/credit", "POST", "http", 503), REFUSED])
    telemetry.flush(monitor.verdicts, NOW, finish=True)
    return telemetry


def _samples(page: bytes) -> dict[tuple[str, str], tuple[Mapping[str, str], float]]:
    found: dict[tuple[str, str], tuple[Mapping[str, str], float]] = {}
    read: Callable[[str], Iterable[Metric]] = text_string_to_metric_families
    for family in read(page.decode()):
        assert family.documentation
        for sample in family.samples:
            key = sample.name, str(sample.labels)
            assert key not in found
            found[key] = (sample.labels, sample.value)
    return found


def _extended(page: str) -> list[Sample]:
    read: Callable[[str], Iterable[Metric]] = openmetrics.text_string_to_metric_families
    return [sample for family in read(page) for sample in family.samples]


def test_replicas_add_up_and_name_release_slot_and_stage(telemetry: Telemetry) -> None:
    samples = _samples(telemetry.page(False))

    scored = [found for (name, _), found in samples.items() if name == "ml_predictions_total"]
    assert [value for _, value in scored] == [1000, 1000]
    assert {labels["service_instance_id"] for labels, _ in scored} == {"r1", "r2"}
    for labels, _ in scored:
        assert labels["oci_manifest_digest"] == DIGEST
        assert labels["deployment_environment_name"] == "prod"
        assert labels["goldenpath_slot"] == "stable"


def test_both_formats_say_the_same(telemetry: Telemetry) -> None:
    extended = telemetry.page(True).decode()

    found = {(each.name, str(each.labels)): each.value for each in _extended(extended)}

    plain = _samples(telemetry.page(False))
    assert found == {name: value for name, (_, value) in plain.items()}


def test_durations_have_the_buckets_and_labels_of_the_convention(telemetry: Telemetry) -> None:
    samples = _samples(telemetry.page(False))
    buckets = [
        labels
        for (name, _), (labels, _) in samples.items()
        if name == "http_server_request_duration_seconds_bucket"
    ]
    wanted = [*map(float, (labels["le"] for labels in buckets))][:15]
    assert wanted == [*instruments.REQUEST_DURATION_BOUNDS, float("inf")]
    assert buckets[0]["http_route"] == "/v2/models/credit/infer"
    assert buckets[0]["url_scheme"] == "http"
    failed = [labels for labels in buckets if labels["http_response_status_code"] == "503"]
    assert {labels["error_type"] for labels in failed} == {"503"}


def test_exemplars_lead_to_the_trace_in_openmetrics_only(telemetry: Telemetry) -> None:
    page = telemetry.page(True).decode()

    samples = _extended(page)
    led = {each.name for each in samples if each.exemplar is not None}
    assert led == {
        "http_server_request_duration_seconds_bucket",
        "ml_inference_duration_seconds_bucket",
    }
    exemplars = [each.exemplar for each in samples if each.exemplar is not None]
    assert {each.labels["trace_id"] for each in exemplars} == {"1" * 32}
    assert all(len(each.labels["span_id"]) == 16 for each in exemplars)
    assert "trace_id" not in telemetry.page(False).decode()


@pytest.mark.parametrize("extended", [False, True])
def test_every_metric_is_described_in_the_documentation(
    telemetry: Telemetry, extended: bool
) -> None:
    documented = (ROOT / "docs" / "telemetry.md").read_text()
    page = telemetry.page(extended).decode()
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2].removesuffix("_total")
            assert f"`{name}" in documented
    for name in instruments.DESCRIPTIONS:
        assert f"`{name}`" in documented


def test_names_follow_the_conventions_for_prometheus() -> None:
    assert metric_name("a.b", "s") == "a_b_seconds"
    assert metric_name("a.size", "By") == "a_size_bytes"
    assert metric_name("a.level", "1", is_gauge=True) == "a_level_ratio"
    assert metric_name("a.things", "{thing}") == "a_things"


def _get(address: str, path: str, **headers: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers["content-type"], answer.read()
    finally:
        connection.close()


def test_the_page_is_served_in_the_format_that_is_asked_for(telemetry: Telemetry) -> None:
    page = MetricsPage("127.0.0.1:0", telemetry.page)
    try:
        assert _get(page.address, "/metrics") == (200, TEXT, telemetry.page(False))
        accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        assert _get(page.address, "/metrics", accept=accept)[:2] == (200, OPENMETRICS)
        assert _get(page.address, "/")[0] == 404
        with pytest.raises(Unavailable):
            MetricsPage(page.address, telemetry.page)
    finally:
        page.close()


def test_a_token_has_to_have_the_scope(telemetry: Telemetry, tmp_path: Path) -> None:
    access = load_access(access_file(tmp_path, prom=["metrics"], batch=["infer"]), print)
    page = MetricsPage("127.0.0.1:0", telemetry.page, access)
    try:
        assert _get(page.address, "/metrics")[0] == 401
        assert _get(page.address, "/metrics", authorization="Bearer batch")[0] == 403
        assert _get(page.address, "/metrics", authorization="Bearer prom")[0] == 200
    finally:
        page.close()


@pytest.mark.parametrize("target", ["/metrics", "/metrics?a=b", "/", "/v2", "/healthz"])
def test_the_page_opens_by_its_scope_for_all_models_and_to_nobody_else(
    telemetry: Telemetry, target: str
) -> None:
    assert LISTENERS[PAGE] == (METRICS,)
    page = MetricsPage("127.0.0.1:0", telemetry.page, rules())
    try:
        for who, text in STRANGERS.items():
            headers = {} if text is None else {"authorization": text}
            assert _get(page.address, target, **headers)[0] == 401, who
        for name, (scopes, models) in TOKENS.items():
            status = _get(page.address, target, authorization=f"Bearer {name}")[0]
            is_open = METRICS in scopes and models is None
            assert (status not in (401, 403)) is is_open, name
    finally:
        page.close()


@pytest.mark.interop
def test_prometheus_itself_takes_the_page(telemetry: Telemetry) -> None:
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=telemetry.page(False), capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_the_gateway_answered_itself_is_on_the_page(telemetry: Telemetry) -> None:
    samples = _samples(telemetry.page(False))
    name = "http_server_request_duration_seconds"

    own = [
        (family, labels, value)
        for (family, _), (labels, value) in samples.items()
        if labels["service_instance_id"] == "gateway" and family.startswith(name)
    ]
    counts = {labels["http_response_status_code"]: labels for family, labels, _ in own}
    assert counts["503"]["http_route"] == "/prod/credit"
    assert counts["503"]["error_type"] == "503"
    assert counts["431"]["http_request_method"] == "_OTHER"
    assert "oci_manifest_digest" not in counts["431"] and "http_route" not in counts["431"]
    refused = [(family, value) for family, labels, value in own if labels.get("le") == "0.005"]
    assert (f"{name}_bucket", 2.0) in refused
    assert (f"{name}_count", 3.0) in [(family, value) for family, _, value in own]
