"""A real release with everything about it: packed, signed, approved, verified, opened again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from goldenpath.audit.events.event import Event
from goldenpath.audit.report.evidence_bundle import EvidenceBundle, LogSummary
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.project.contract import render_contract
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.promote.manifests.desired import Slot, slot_name
from goldenpath.release.artifact.pack import Contents, pack
from goldenpath.release.artifact.unpack import open_release
from goldenpath.release.attest.attach import attach, attach_ssh, sign_image
from goldenpath.release.attest.keys import PemSigner, key_from_pem, public_pem
from goldenpath.release.attest.policy import Person, Policy
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL, DECISION, EVIDENCE, SIGNED, Statement
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.training_statements import statements
from goldenpath.train.training_run import TrainingRun
from tests.release.attest.releases import NOW, REPOSITORY, new_signer
from tests.release.attest.runs import BUILDER, REMOTE, training_run

COMPLIANCE = Path(__file__).parents[1] / "data" / "compliance"
"""What a new project of 0.1 had: written by us, with an approval that nobody gave."""
PROMOTED = NOW + timedelta(hours=1)
LATER = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def contract() -> Contract:
    """Two features, one of them an age."""
    return Contract(
        name="credit",
        features=(
            Feature("age", "number", minimum=18, maximum=100),
            Feature("sex", "category", categories=(1.0, 2.0)),
        ),
        output="probability",
        decision=DecisionPolicy((Band("low", 0.3, "accept"), Band("high", 1.01, "refer"))),
        monitor=MonitorSettings(),
    )


def documents() -> dict[str, bytes]:
    """The statements of a new project of 0.1, at their places in the image."""
    found = {
        f"compliance/{path.relative_to(COMPLIANCE)}": path.read_bytes()
        for path in sorted(COMPLIANCE.rglob("*"))
        if path.is_file()
    }
    found["card.md"] = found.pop("compliance/card.md")
    return found


def run_of(texts: Mapping[str, bytes]) -> TrainingRun:
    """A training run that was judged by the thresholds among `texts`."""
    thresholds = Digest.of(texts["compliance/thresholds.yaml"]).text
    return replace(training_run(), thresholds_digest=thresholds)


@dataclass(frozen=True, slots=True)
class Made:
    """A release in a store, the key that signed it and the people who may approve."""

    store: Store
    image: Descriptor
    signer: PemSigner
    people: tuple[Person, ...]


def make_release(
    folder: Path,
    texts: Mapping[str, bytes] | None = None,
    run: TrainingRun | None = None,
    *,
    place: Store | None = None,
    key: PemSigner | None = None,
    waived: bool = False,
    model: bytes = b"model",
    change: Callable[[Contents], Contents] = lambda contents: contents,
) -> Made:
    """Packs, attests, signs and lets two people approve. `change` makes another content of it."""
    papers = documents() if texts is None else dict(texts)
    made = run or run_of(papers)
    store, signer = place or MemoryStore(), key or new_signer()
    outputs = folder / "outputs"
    outputs.mkdir(parents=True)
    (outputs / "model.onnx").write_bytes(model)
    contents = Contents(
        name="credit",
        version="1.0.0",
        outputs=outputs,
        contract=render_contract(contract()),
        profile=b'{"rows":1}',
        lock=b"lock",
        python_version="3.11.7",
        documents=papers,
        commit=made.source.commit,
        committed_at=made.source.committed_at,
        remote=REMOTE,
    )
    packed = pack(store, change(contents))
    digests = {path: Digest.of(content) for path, content in papers.items()}
    subjects = (packed.image.digest, packed.modelpack.digest)
    evidence: list[JsonValue] = [
        attach(store, packed.image, each, signer, now=NOW).digest.text
        for each in statements(
            made, subjects, builder=BUILDER, version="1.0.0", contract=contract(), documents=digests
        )
    ]
    sign_image(store, packed.image, REPOSITORY, signer, now=NOW)
    people = tuple(
        _approve(folder, store, packed.image, name, evidence=evidence)
        for name in ("validator", "manager")
    )
    decider = SshKey.load(folder / "manager")
    attach_ssh(store, packed.image, decision(packed.image, waived=waived), decider, now=NOW)
    return Made(store, packed.image, signer, people)


def decision(image: Descriptor, *, waived: bool = False) -> Statement:
    """What the gates of prod said, as `promote` attaches it."""
    findings: list[JsonValue] = [
        {"check": "evidence", "status": "pass", "message": "all of it holds"},
        {
            "check": "fairness",
            "status": "waived" if waived else "pass",
            "message": "until 2026-12-31" if waived else "no group is far from the others",
        },
    ]
    predicate: dict[str, JsonValue] = {
        "version": 1,
        "decision": "allow",
        "model": "credit",
        "stage": "prod",
        "actor": "platform-engineer",
        "decidedAt": "2026-11-22T12:55:00Z",
        "findings": findings,
        "approvals": [],
        "evidence": [],
    }
    return Statement((image.digest,), DECISION, predicate)


def _approve(
    folder: Path, store: Store, image: Descriptor, name: str, *, evidence: list[JsonValue]
) -> Person:
    key = SshKey.generate(folder / name)
    seen: dict[str, JsonValue] = {
        "evidence": evidence, "report": Digest.of(b"report").text, "gaps": ["1.7 MISSING"],
    }  # fmt: skip
    predicate = Statement(
        (image.digest,), APPROVAL, {"scope": {"environment": "prod"}, "role": name, "seen": seen}
    )
    attach_ssh(store, image, predicate, key, now=NOW)
    return Person(name, (name,), key.public_line)


def intent(made: Made, stage: str = "prod", **changes: str | tuple[str, ...]) -> Intent:
    """The commit that put the release into a stage."""
    digest = made.image.digest
    found = Intent(
        time=PROMOTED,
        stage=stage,
        model="credit",
        commit="c" * 40,
        slots=(Slot(slot_name(digest), digest, 100),),
        author="platform-engineer",
        signer="platform-engineer",
        approved_by=("manager", "validator"),
        reason="first release",
        approvals_needed=2,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def lived(made: Made) -> tuple[Event, ...]:
    """Events of a server that ran and was stopped."""
    text = made.image.digest.text
    return (
        Event("2026-11-22T12:59:00.000000Z", "platform.started", "system"),
        Event(
            "2026-11-22T13:00:05.000000Z", "server.ready", "system", "prod", "credit", text,
            details={"replica": "one", "slot": slot_name(made.image.digest)},
        ),
        Event(
            "2026-11-22T14:00:00.000000Z", "server.stopped", "system", "prod", "credit", text,
            details={"replica": "one"},
        ),
    )  # fmt: skip


def bundle_of(
    made: Made, history: tuple[Intent, ...] | None = None, events: tuple[Event, ...] | None = None
) -> EvidenceBundle:
    """Everything about the release, verified."""
    keys = (key_from_pem("release", public_pem(made.signer)),)
    policy = Policy(keys, (SIGNED, *EVIDENCE), 1, REMOTE, BUILDER)
    digest = made.image.digest
    return EvidenceBundle(
        digest=digest,
        model="credit",
        as_of="2026-11-23T12:00:00Z",
        generator="goldenpath 0.1.0",
        verified=verify(made.store, digest, policy, people=made.people, now=LATER, blobs=True),
        files=open_release(made.store, digest).files,
        history=(intent(made),) if history is None else history,
        events=lived(made) if events is None else events,
        events_head=Digest.of(b"head").text,
        predictions=LogSummary(1000, "2026-11-22T13:01:00Z", "2026-11-22T13:59:00Z", 0),
    )
