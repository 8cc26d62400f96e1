"""The verbs on a platform that is really there; the clock is this machine's."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.events.event_log import EventLog
from goldenpath.cli import (
    approve,
    at,
    confirm,
    gate,
    hold,
    init,
    inventory,
    person,
    platform,
    promote,
    report,
    requests,
    resume,
    rollback,
    rollout,
    sod,
    status,
    why,
)
from goldenpath.digest import Digest
from goldenpath.errors import REFUSED, InvalidInput, NotFound, Stalled
from goldenpath.observe.drift.findings import DriftFinding, save
from goldenpath.oci.descriptor import IMAGE_MANIFEST, Descriptor
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.platform.break_glass import BreakGlassRules
from goldenpath.release.artifact.unpack import read_image
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL
from goldenpath.release.attest.verify import verify
from tests.deploy.platform import Up
from tests.promote.forge.forges import TOKEN, FakeForge, serving
from tests.promote.repository.protected import protect
from tests.promote.road import MODEL, Road

Run = Callable[..., Result]


@pytest.fixture
def road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Road:
    monkeypatch.setenv("GOLDENPATH_HOME", str(tmp_path / "home"))
    return Road(tmp_path, datetime.now(UTC) - timedelta(minutes=10))


@pytest.fixture
def run() -> Run:
    def invoke(verb: click.Command, *arguments: str) -> Result:
        return CliRunner().invoke(verb, list(arguments), catch_exceptions=False)

    return invoke


def acting(road: Road, name: str) -> tuple[str, ...]:
    return ("--as", name, "--key", str(road.folder / name))


def kinds(road: Road) -> list[str]:
    return [event.kind for event in EventLog(road.home.events).read()]


def bring(road: Road, run: Run, digest: Digest, *more: str) -> Result:
    return run(
        promote.verb, digest.text, "--stage", "dev", *more, *acting(road, "platform-engineer")
    )


def test_a_release_comes_in_steps_forward_and_goes_back(road: Road, run: Run) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    stage = ("--stage", "dev", *acting(road, "platform-engineer"))

    bring(road, run, one)
    first = bring(road, run, two, "--canary", "10,100", "--output", "json")
    stepped = run(rollout.verb, MODEL, *stage)
    back = run(rollback.verb, MODEL, *stage, "--reason", "answers differ", "--output", "json")

    slots = json.loads(first.stdout)["deployment"]["slots"]
    assert [slot["percent"] for slot in slots] == [90, 10]
    assert f"{two.short} 100 %" in stepped.stdout
    assert one.text in json.dumps(json.loads(back.stdout)["deployment"])
    assert kinds(road) == [
        "release.promoted",
        "release.promoted",
        "rollout.stepped",
        "rollout.rolled-back",
    ]
    last = list(EventLog(road.home.events).read())[-1]
    assert (last.actor, last.stage, last.digest) == ("platform-engineer", "dev", one.text)
    assert last.commit == road.trusted().commit
    assert last.details is not None
    assert last.details["reason"] == "answers differ"


def test_a_closed_gate_exits_7_says_why_and_leaves_an_event(road: Road, run: Run) -> None:
    digest = road.release()

    done = run(promote.verb, digest.text, "--stage", "test", *acting(road, "platform-engineer"))

    assert done.exit_code == REFUSED
    assert "FAIL   stage-before" in done.stdout
    assert f"cure: goldenpath promote {digest} --stage dev" in done.stdout
    assert kinds(road) == ["release.refused"]


def test_gates_are_shown_without_changing_anything(road: Road, run: Run) -> None:
    digest = road.release()

    dev = run(gate.verb, digest.text, "--stage", "dev")
    prod = run(gate.verb, digest.text, "--stage", "prod", "--output", "json")

    assert (dev.exit_code, "every gate is open" in dev.stdout) == (0, True)
    assert (prod.exit_code, json.loads(prod.stdout)["allowed"]) == (REFUSED, False)
    assert kinds(road) == []


def test_the_name_of_a_model_means_its_newest_release_to_a_gate(road: Road, run: Run) -> None:
    for weights, commit, moment in (
        (b"new", "b" * 40, "2026-11-21T08:00:00Z"), (b"old", "c" * 40, "2026-11-19T08:00:00Z")
    ):  # fmt: skip
        digest = road.release(weights)
        annotated = replace(
            read_image(road.store, digest),
            annotations={"org.opencontainers.image.created": moment},
        )
        content = annotated.render()
        descriptor = Descriptor(IMAGE_MANIFEST, Digest.of(content), len(content))
        road.store.push(descriptor, [content])
        road.store.tag(f"{MODEL}-{commit[:12]}", descriptor)
    newest = road.store.resolve(f"{MODEL}-{'b' * 12}").digest

    assert f"{newest} for dev" in run(gate.verb, MODEL, "--stage", "dev").stdout
    with pytest.raises(NotFound, match="no model of that name"):
        run(gate.verb, "credit", "--stage", "dev")
    with pytest.raises(NotFound):
        run(promote.verb, MODEL, "--stage", "dev", *acting(road, "platform-engineer"))


def test_why_after_a_rollback_names_it_and_the_drift(road: Road, run: Run) -> None:
    one, two = road.release(b"one"), road.release(b"two")
    stage = ("--stage", "dev", *acting(road, "platform-engineer"))
    bring(road, run, one)
    bring(road, run, two)
    run(rollback.verb, MODEL, *stage, "--reason", "answers drift since Monday")
    for name, digest in (("drift-1", two), ("drift-2", one)):
        save(road.home.findings, _finding(name, digest))

    text = run(why.verb, MODEL, "--stage", "dev").stdout
    again = run(why.verb, MODEL, "--stage", "dev", "--release", two.text).stdout

    for shown in (text, again):
        assert f"platform-engineer took {two.short} out of dev" in shown
        assert "answers drift since Monday" in shown
        assert "drift-1 (open): income moved" in shown
        assert "drift-2" not in shown
    bring(road, run, two)
    assert "took" not in run(why.verb, MODEL, "--stage", "dev").stdout


def _finding(name: str, release: Digest) -> DriftFinding:
    moment = "2026-11-22T08:00:00Z"
    return DriftFinding(
        id=name, stage="dev", model=MODEL, release=release.text, feature="income", kind="shift",
        opened_at=moment, since=moment, evidence=9.0, threshold=8.0, size=0.3, looks=2, rows=10,
        sentence="income moved",
    )  # fmt: skip


def test_an_approval_is_told_to_the_audit_log(road: Road, run: Run) -> None:
    digest = road.release()

    done = run(approve.verb, digest.text, "--stage", "prod", *acting(road, "validator"))

    assert "validator approved" in done.stdout
    (event,) = EventLog(road.home.events).read()
    assert (event.kind, event.actor, event.stage) == ("release.approved", "validator", "prod")


def test_an_approval_signs_the_report_that_was_seen_and_its_gaps(
    road: Road, run: Run, tmp_path: Path
) -> None:
    digest = road.release()

    done = [
        run(approve.verb, digest.text, "--stage", "prod", *acting(road, name))
        for name in ("validator", "risk-manager")
    ]

    assert "gaps of the report sha256:" in done[0].stdout
    platform = road.trusted().platform
    verified = verify(
        road.store, digest, release_policy(platform), people=platform.people, now=datetime.now(UTC)
    )
    approvals = verified.of_type(APPROVAL)
    assert len(approvals) == 2
    for approval in approvals:
        seen = approval.statement.predicate["seen"]
        assert isinstance(seen, dict)
        kept = (road.home.reports / f"{Digest(str(seen['report'])).hex}.md").read_bytes()
        assert Digest.of(kept).text == seen["report"]
        file, moment = str(tmp_path / "report.md"), str(seen["reportAsOf"])
        run(report.verb, digest.text, "--as-of", moment, "--file", file)
        text = Path(file).read_bytes()
        assert Digest.of(text).text == seen["report"]
        _, _, missing = text.partition(b"\n## 0 ")
        gaps = re.findall(rb"^- ([0-9.]+) ", missing.partition(b"\n## 1 ")[0], re.MULTILINE)
        signed = seen["gaps"]
        assert isinstance(signed, list)
        assert [str(each).split()[0] for each in signed] == [each.decode() for each in gaps]
    fields = json.loads(run(report.verb, digest.text, "--output", "json").stdout)["fields"]
    status = {field["number"]: field["status"] for field in fields}
    assert (status["0.3"], status["2.28"]) == ("PROVEN", "PROVEN")


def test_why_says_what_is_missing(road: Road, run: Run) -> None:
    bring(road, run, road.release())

    assert "is kept out of" in run(why.verb, MODEL, "--stage", "prod").stdout


def test_a_person_is_listed_by_somebody_who_is(road: Road, run: Run) -> None:
    added = run(
        person.verb, "add", "second-validator", "--role", "validator", "--ssh-key",
        str(_new_key(road)), *acting(road, "platform-engineer"),
    )  # fmt: skip

    assert added.exit_code == 0
    assert "second-validator" in run(person.verb, "list").stdout


def test_two_people_end_set_up_and_sod_is_empty(road: Road, run: Run) -> None:
    before = run(sod.verb)
    proposed = run(sod.verb, "--seal", "--output", "json", *acting(road, "platform-engineer"))
    name = json.loads(proposed.stdout)["proposal"]
    shown = run(confirm.verb, name, "--dry-run", *acting(road, "validator"))
    done = run(confirm.verb, name, *acting(road, "validator"))
    after = run(sod.verb, "--output", "json")

    assert (before.exit_code, "set-up is open" in before.stdout) == (REFUSED, True)
    assert "+two-people = true" in shown.stdout
    assert "by platform-engineer and validator" in done.stdout
    assert (after.exit_code, json.loads(after.stdout)["paths"]) == (0, [])


def test_a_person_leaves_by_two_people(road: Road, run: Run) -> None:
    seal = run(sod.verb, "--seal", "--output", "json", *acting(road, "platform-engineer"))
    run(confirm.verb, json.loads(seal.stdout)["proposal"], *acting(road, "validator"))

    left = run(
        person.verb, "end", "data-scientist", "--output", "json",
        *acting(road, "platform-engineer"),
    )  # fmt: skip
    run(confirm.verb, json.loads(left.stdout)["proposal"], *acting(road, "risk-manager"))

    gone = {each.name: each.valid_until for each in road.trusted().platform.people}
    assert gone["data-scientist"] is not None
    assert gone["validator"] is None
    with pytest.raises(InvalidInput, match="the key of data-scientist expired"):
        run(promote.verb, road.release().text, "--stage", "dev", *acting(road, "data-scientist"))


def test_a_build_key_is_rotated_as_documented(road: Road, run: Run, tmp_path: Path) -> None:
    """The commands of docs/governance.md."""
    old, file = road.release(b"old"), tmp_path / "platform.toml"
    assert bring(road, run, old).exit_code == 0  # what no commit names before the end is lost
    key = road.home.build_key
    key.rename(key.with_name("release-1.pem"))
    key.with_suffix(".pub").unlink()
    run(init.verb, *acting(road, "platform-engineer"))
    text = run(platform.verb, "show").stdout
    ended = f"valid-until = {datetime.now(UTC).isoformat()}"
    head, entry = text.split("[[build-key]]", 1)
    entry, rest = entry.split("[[machine]]", 1)
    new = f'name = "release-2"\npublic-key = """\n{key.with_suffix(".pub").read_text()}"""\n'
    file.write_text(
        f"{head}[[build-key]]{entry.rstrip()}\n{ended}\n\n[[build-key]]\n{new}\n[[machine]]{rest}"
    )

    done = run(
        platform.verb, "change", str(file), "--reason", "yearly rotation",
        *acting(road, "platform-engineer"),
    )  # fmt: skip
    road.signer, road.now = PemSigner.load(key), datetime.now(UTC)
    newer = road.release(b"new")

    assert done.exit_code == 0
    for digest in (newer, old):
        assert bring(road, run, digest).exit_code == 0
    road.signer = PemSigner.load(key.with_name("release-1.pem"))
    assert bring(road, run, road.release(b"signed too late")).exit_code == REFUSED


def test_a_file_with_faults_changes_nothing(road: Road, run: Run, tmp_path: Path) -> None:
    file, before = tmp_path / "platform.toml", road.trusted().commit
    file.write_text(run(platform.verb, "show").stdout.replace("version = 1", "version = 2"))

    with pytest.raises(InvalidInput, match="version"):
        run(
            platform.verb, "change", str(file), "--reason", "x",
            *acting(road, "platform-engineer"),
        )  # fmt: skip
    assert road.trusted().commit == before


def test_a_model_is_held_and_resumed(road: Road, run: Run) -> None:
    bring(road, run, road.release())
    stage = (MODEL, "--stage", "dev", "--reason", "complaints", *acting(road, "validator"))

    held = run(hold.verb, *stage)
    with pytest.raises(Stalled, match="on hold: validator: complaints"):
        bring(road, run, road.release(b"two"))
    resumed = run(resume.verb, *stage)

    assert (held.exit_code, resumed.exit_code) == (0, 0)
    assert kinds(road) == ["release.promoted", "rollout.held", "rollout.resumed"]
    assert bring(road, run, road.release(b"two")).exit_code == 0


def test_a_protected_main_gets_a_branch_and_no_event(road: Road, run: Run) -> None:
    protect(road.home.gitops)

    done = run(
        promote.verb, road.release().text, "--stage", "dev", *acting(road, "platform-engineer")
    )

    assert done.exit_code == 0
    assert "waits in the branch goldenpath/promote-dev-credit-default" in done.stdout
    assert kinds(road) == []


def test_a_pull_request_is_opened_and_listed_with_a_token_of_the_environment(
    road: Road, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeForge("gitea", road.home.gitops)
    with serving(fake) as settings:
        road.change_platform(replace(road.trusted().platform, forge=settings))
        (road.folder / "token").write_text(f"{TOKEN}\n")
        monkeypatch.setenv("GOLDENPATH_FORGE_TOKEN_FILE", str(road.folder / "token"))
        protect(road.home.gitops)

        done = bring(road, run, road.release())
        fake.approve("val")
        listed = run(requests.verb)

    assert "pull request https://git.example/pulls/1: merge it by a fast-forward" in done.stdout
    assert "approved on the forge by val" in listed.stdout


def test_break_glass_is_a_flag_with_a_reason(road: Road, run: Run) -> None:
    digest, why_now = road.release(), "the live model declines everybody"
    dev, *others = road.trusted().platform.stages
    rules = BreakGlassRules(timedelta(hours=1))
    strict = replace(dev, gates=(*dev.gates, "approvals"), approvals=1, break_glass=rules)
    road.change_platform(replace(road.trusted().platform, stages=(strict, *others)))
    assert bring(road, run, digest).exit_code == REFUSED

    done = bring(road, run, digest, "--break-glass", why_now)
    words = f"platform-engineer used break-glass ({why_now}): a second person has to approve by"
    everywhere = (
        (why.verb, (MODEL, "--stage", "dev")),
        (inventory.verb, ()),
        (at.verb, ("now",)),
        (report.verb, (digest.text, "--file", str(road.folder / "report.md"))),
    )
    assert [words in said(run(verb, *asked), road) for verb, asked in everywhere] == [True] * 4
    with Up(road.home) as up:
        up.until(lambda status: any(each.marks for each in status.deployments))
        shown = run(status.verb).stdout
    assert words in shown
    (alarm,) = [each for each in EventLog(road.home.events).read() if each.kind == "platform.alarm"]
    assert alarm.details is not None and words in str(alarm.details["message"])

    second = run(approve.verb, digest.text, "--stage", "dev", *acting(road, "validator"))

    assert f"break-glass: platform-engineer used break-glass ({why_now})" in done.stdout
    assert not any(words in said(run(verb, *asked), road) for verb, asked in everywhere)
    assert "confirms the break-glass change of platform-engineer: commit" in second.stdout
    moves = [kind for kind in kinds(road) if kind.startswith("release.")]
    assert moves == ["release.refused", "release.promoted", "release.approved"]


def said(result: Result, road: Road) -> str:
    """What a verb said and wrote."""
    page = road.folder / "report.md"
    written = page.read_text() if page.exists() else ""
    page.unlink(missing_ok=True)
    return result.output + written


def test_a_key_that_is_listed_already_is_refused(road: Road, run: Run) -> None:
    with pytest.raises(InvalidInput, match="same ssh-key"):
        run(
            person.verb, "add", "twin", "--role", "validator", "--ssh-key",
            str(road.folder / "validator.pub"), *acting(road, "platform-engineer"),
        )  # fmt: skip


def test_setting_up_again_changes_nothing(road: Road, run: Run) -> None:
    before = road.trusted().commit

    done = run(init.verb, *acting(road, "platform-engineer"))

    assert "nothing, everything exists" in done.stdout
    assert road.trusted().commit == before


@pytest.mark.parametrize("steps", ["10,x", "50,10,100", "10,50", ""])
def test_steps_that_do_not_rise_to_100_are_refused(road: Road, run: Run, steps: str) -> None:
    with pytest.raises(InvalidInput):
        bring(road, run, road.release(), "--canary", steps)


def test_a_release_that_nobody_built_is_not_found(road: Road, run: Run) -> None:
    with pytest.raises(NotFound):
        bring(road, run, Digest.of(b"nothing"))


def _new_key(road: Road) -> Path:
    SshKey.generate(road.folder / "second")
    return road.folder / "second.pub"
