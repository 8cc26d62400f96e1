"""The second half of the demo: serving, a canary, an incident in real data, and the evidence."""

import json
from pathlib import Path

from goldenpath.canonical import JsonValue
from goldenpath.demo.road import PROJECT, acting, enter_as_canary, month_file, short
from goldenpath.demo.walk import Walk, at, items, last, text
from goldenpath.digest import Digest
from goldenpath.instruments import (
    DRIFT_PSI,
    PREDICTION_ID,
    PREDICTION_SCORE,
    PREDICTIONS,
    REQUEST_DURATION,
)
from goldenpath.oci.manifest import Manifest
from goldenpath.project.claims.placeholders import NOT_FILLED

OPEN_FIELDS = (
    ("1.1", "system.yaml#provider"),
    ("8.2", "declaration.md"),
    ("11.5", "registration.yaml"),
)
"""Fields of the report that the demo's bank cannot fill, and the texts that they need."""
QUIET_MONTHS = ("2005-05", "2005-06", "2005-07", "2005-08")
INCIDENT_MONTH = "2005-09"


def refuse(walk: Walk, digest: str) -> None:
    """Show that admission refuses a changed byte and a missing signature."""
    walk.begin(
        "4  a tampered artifact, and an unsigned one",
        "One changed bit and a missing signature are refused before anything runs.",
    )
    blob = _largest_layer(walk.folder / ".goldenpath" / "registry", Digest(digest))
    good = blob.read_bytes()
    blob.chmod(0o644)
    walk.say(f"  (one bit of {blob.name[:12]}… in the registry is flipped)")
    blob.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    walk.run("goldenpath up --once", expect=7)
    _claim_refused(walk, "a tampered artifact is refused before it is loaded")
    blob.write_bytes(good)
    walk.say("  (the bit is flipped back)")

    walk.run(f"goldenpath copy {short(digest)} layout:unsigned/registry --no-referrers")
    walk.run("cp -r .goldenpath/gitops.git .goldenpath/trust.json unsigned")
    # Evidence that a commit names may arrive late. Here it never arrives, so one second is enough.
    walk.run(
        "GOLDENPATH_EVIDENCE_SECONDS=1 GOLDENPATH_HOME=unsigned goldenpath up --once", expect=7
    )
    _claim_refused(
        walk, "the same digest without signatures is refused", "GOLDENPATH_HOME=unsigned "
    )


def serve(walk: Walk, digest: str) -> None:
    """Start the machine: every stage runs what its folder in git declares."""
    walk.begin(
        "5  serve what git declares, and send May",
        "Nobody starts a server by hand: the machine runs what the commits say.",
    )
    walk.run("goldenpath up --detach")
    status = walk.ask("goldenpath status")
    running = {
        text(last(at(each, "running")), "digest") for each in items(at(status, "deployments"))
    }
    walk.claim("all three stages run the one digest", running == {digest})
    send(walk, QUIET_MONTHS[0])


def roll_out(walk: Walk, challenger: str) -> None:
    """Raise the canary to 10, 50 and 100 percent by commits, with a real month of traffic each."""
    enter_as_canary(walk, challenger)
    walk.run("goldenpath status --wait 60")
    shares = [_share(send(walk, QUIET_MONTHS[1]), challenger)]
    for month in QUIET_MONTHS[2:]:
        walk.run(f"goldenpath rollout {PROJECT} --stage prod {acting('platform-engineer')}")
        walk.run("goldenpath status --wait 60")
        shares.append(_share(send(walk, month), challenger))
    walk.claim(
        f"the canary answered {shares[0]:.0%}, {shares[1]:.0%} and {shares[2]:.0%}",
        abs(shares[0] - 0.1) < 0.05 and abs(shares[1] - 0.5) < 0.1 and shares[2] == 1,
    )
    walk.run(f"goldenpath drift {PROJECT} --stage prod")
    walk.claim("four quiet months raised no alarm", not _alarms(walk))


def incident(walk: Walk, stable: str) -> str:
    """Send September, in which a previously rare status code is in 12 percent of the rows."""
    walk.begin(
        "7  September: the data change, the schema does not",
        "All rows are valid, and yet they are no longer those that it learned from.",
    )
    sent = send(walk, INCIDENT_MONTH)
    alarms = walk.until("goldenpath events --kind drift.alarm", lambda found: bool(items(found)))
    walk.run(f"goldenpath drift {PROJECT} --stage prod")
    walk.claim("the alarm names the feature", '"status"' in json.dumps(alarms))
    walk.run(
        f"goldenpath rollback {PROJECT} --stage prod "
        "--reason 'status code 1 makes 12 percent of the rows' "
        f"{acting('platform-engineer')}"
    )
    walk.run("goldenpath status --wait 60")
    after = send(walk, INCIDENT_MONTH, limit=500)
    walk.claim("after the rollback the previous release answers", _share(after, stable) == 1)
    return text(last(at(sent, "prediction_ids")))


def answer(walk: Walk, prediction: str, challenger: str, noted: str) -> None:
    """Show what was live, where an answer came from, and what is proven."""
    walk.begin(
        "8  the evidence",
        "Who put it there, why it answered so, what is proven and what is missing.",
    )
    _show_telemetry(walk)
    walk.run("goldenpath log check")
    walk.run("goldenpath events --check")
    walk.run(f"goldenpath at {noted} --stage prod")
    live = json.dumps(walk.ask(f"goldenpath at {noted} --stage prod"))
    walk.claim("the canary was live then, with who put it there", challenger in live)
    walk.run(f"goldenpath trace {prediction}")
    traced = json.dumps(walk.ask(f"goldenpath trace {prediction}"))
    walk.claim("one answer leads to its model and its approvers", "validator" in traced)
    walk.run("goldenpath catalogue")
    walk.run(f"goldenpath report {short(challenger)} --file report.md")
    report = (walk.folder / "report.md").read_text()
    page_one = report.partition("\n## 1 ")[0]
    walk.claim(
        "what only a real bank has is a gap by name: provider, declaration, registration",
        all(
            f"- {number} " in page_one and f"{file}: {NOT_FILLED}" in page_one
            for number, file in OPEN_FIELDS
        ),
    )
    walk.claim("the documentation begins with its gaps", "MISSING" in report.split("\n## ")[1])
    walk.claim("it never calls itself compliant", "compliant" not in report.lower())


def _show_telemetry(walk: Walk) -> None:
    kept = walk.folder / ".goldenpath" / "telemetry"
    metrics, traces = (kept / "metrics.jsonl").read_text(), (kept / "traces.jsonl").read_text()
    expected = (REQUEST_DURATION, PREDICTIONS, PREDICTION_SCORE, DRIFT_PSI)
    walk.claim(
        "latency, throughput, distributions and drift left as OpenTelemetry, with sampled spans",
        all(f'"{name}"' in metrics for name in expected) and f'"{PREDICTION_ID}"' in traces,
    )


def stop(walk: Walk) -> None:
    """Stop every process and keep the folder."""
    walk.run("goldenpath down")


def export_months(walk: Walk) -> None:
    """Export the months of the panel as rows to send, with the project's own code."""
    for month in (*QUIET_MONTHS, INCIDENT_MONTH):
        walk.run(
            f"uv run --locked --quiet python -m credit_default.export_month {month} "
            f"{walk.folder / month_file(month)}",
            into=PROJECT,
        )


def send(walk: Walk, month: str, limit: int | None = None) -> JsonValue:
    """Send a month, or a part of it, and return which release answered what."""
    some = f" --limit {limit}" if limit else ""
    walk.run(
        f"goldenpath send {PROJECT} --stage prod --rows {month_file(month)} --subject subject"
        f"{some} --record sent.json"
    )
    value: JsonValue = json.loads((walk.folder / "sent.json").read_bytes())
    walk.claim(f"no request of {month} failed", at(value, "failed") == 0)
    return value


def _share(sent: JsonValue, digest: str) -> float:
    releases = at(sent, "releases")
    counts = releases if isinstance(releases, dict) else {}
    numbers = {name: count for name, count in counts.items() if isinstance(count, int)}
    return numbers.get(digest, 0) / max(sum(numbers.values()), 1)


def _alarms(walk: Walk) -> tuple[JsonValue, ...]:
    return items(walk.ask("goldenpath events --kind drift.alarm"))


def _claim_refused(walk: Walk, claim: str, setting: str = "") -> None:
    refused = items(walk.ask(f"{setting}goldenpath events --kind admission.refused"))
    walk.claim(claim, len(refused) > 0 and all(text(at(each, "digest")) for each in refused))


def _largest_layer(registry: Path, digest: Digest) -> Path:
    blobs = registry / "blobs" / "sha256"
    manifest = Manifest.parse((blobs / digest.hex).read_bytes())
    return blobs / max(manifest.layers, key=lambda layer: layer.size).digest.hex
