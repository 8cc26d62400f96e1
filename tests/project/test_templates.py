"""Each template goes the whole road as a user walks it, from `new` to `trace`."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from goldenpath.errors import REFUSED
from goldenpath.project.load import faults
from goldenpath.project.scaffold import TEMPLATES
from tests.sizes import full_size
from tests.starter import share_environments
from tests.verbs import run_verb

WALKED = ("pricing", "triage", "text", "empty")
"""The template `credit` is walked by the demo and by the tests of builds."""
pytestmark = pytest.mark.timeout(900)
EXPECTED = {
    "pricing": ("EUR a year", {"standard tariff", "surcharge", "underwriter"}),
    "triage": ("collision, glass, theft", {"workshop", "glazier", "investigation", "desk"}),
    "text": ("cards, loans, payments", {"cards", "loans", "payments", "front office"}),
    "empty": ("No decision policy", set[str]()),
}
DATA = {"pricing": "policies", "triage": "claims", "text": "messages", "empty": "rows"}


class Walk:
    """One home, one project, and the verbs in it."""

    def __init__(self, folder: Path, template: str) -> None:
        self.folder, self.template = folder, template
        self.project = folder / "my-model"
        self.digest = ""

    def run(self, *words: str, at: Path | None = None, expect: int = 0) -> str:
        """Run a verb, which has to end with `expect`. Return what it printed."""
        environment = {**os.environ, "GOLDENPATH_HOME": str(self.folder / "home")}
        alone = {**environment, "MLFLOW_TRACKING_URI": ""}
        done = run_verb(words, environment=alone, folder=at or self.project)
        assert done.returncode == expect, done.stderr.decode() + done.stdout.decode()
        return done.stdout.decode()


@pytest.fixture(scope="module", params=WALKED)
def walk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walk]:
    """A template that was built and promoted to dev, and that is served and monitored."""
    template = str(request.param)
    walk = Walk(tmp_path_factory.mktemp(template), template)
    share_environments(walk.folder / "home")
    walk.run("init", "--as", "eng", "--key", "eng", "--make-key", at=walk.folder)
    walk.run("new", "my-model", "--template", template, at=walk.folder)
    walk.digest = str(json.loads(walk.run("build", "--output", "json"))["digest"])
    key = ("--as", "eng", "--key", str(walk.folder / "eng"))
    walk.run("promote", walk.digest, "--to", "dev", *key)
    walk.run("up", "--listen", "127.0.0.1:0", "--detach")
    try:
        yield walk
    finally:
        walk.run("down")


def _records(walk: Walk) -> Sequence[dict[str, object]]:
    """Return the newest records as soon as the log has some."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        records: list[dict[str, object]] = json.loads(
            walk.run("log", "show", "--limit", "5", "--output", "json")
        )
        if records:
            return records
        time.sleep(1)
    raise AssertionError("no record was sealed")


@full_size("test_a_template_has_no_fault_but_its_lock_and_names_real_data")
def test_a_template_is_served_recorded_and_traced(walk: Walk) -> None:
    rows = walk.project / "data" / f"{DATA[walk.template]}.parquet"
    shown, outcomes = EXPECTED[walk.template]

    sent = json.loads(
        walk.run("send", "my-model", "--stage", "dev", "--rows", str(rows), "--limit", "300",
                 "--output", "json")
    )  # fmt: skip

    assert (sent["rows"], sent["failed"]) == (300, 0)
    assert {*sent["outcomes"]} <= outcomes
    assert sum(sent["outcomes"].values()) == (300 if outcomes else 0)
    record = _records(walk)[0]
    assert record["outcome"] in outcomes if outcomes else record["outcome"] is None
    page = walk.run("trace", str(record["prediction_id"]))
    assert "equal to the commitment" in page
    assert "DOES NOT HOLD" not in page
    report = walk.run("report", walk.digest)
    assert shown in report
    assert "score" in walk.run("drift", "my-model") or walk.template != "empty"


@full_size("test_a_template_has_no_fault_but_its_lock_and_names_real_data")
def test_every_gate_of_a_measurement_judges_it(walk: Walk) -> None:
    words = ("gate", walk.digest, "--stage", "test", "--output", "json")
    judged = json.loads(walk.run(*words, expect=REFUSED))

    # Nobody has written the statements of a new project yet.
    findings = judged["decision"]["findings"]
    assert [each["check"] for each in findings if each["status"] == "fail"] == ["statements"]
    text = json.dumps(findings)
    assert "thresholds" in text
    assert not re.search(r"was not measured", text)


@pytest.mark.parametrize("template", sorted({each.folder for each in TEMPLATES.values()}))
def test_a_template_has_no_fault_but_its_lock_and_names_real_data(template: str) -> None:
    folder = Path(sys.modules[faults.__module__].__file__ or "").parent / template

    found = [fault for fault in faults(folder) if fault.file != "uv.lock"]

    assert not [fault for fault in found if not fault.file.startswith("compliance/")]
    assert not [fault for fault in found if fault.got not in ("nothing", "no such file")]
    for table in (folder / "data").glob("*.parquet"):
        assert pq.read_table(table).num_rows >= 1000
