"""A platform with people and a registry, for tests of promotions: all parts are real."""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from goldenpath.deploy.reconcile.admission import admit
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.project.contract import render_contract
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.promote.acts.founding import PlatformOptions, platform_files, with_person
from goldenpath.promote.acts.intents import Approval, PromotionIntent
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.platform.platform import WITNESS, Platform
from goldenpath.promote.repository.chain_of_trust import Trusted, follow
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.platform_setup import found
from goldenpath.promote.workspace.scene_reader import Viewpoint
from goldenpath.promote.workspace.stage_changes import approve, promote
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.promote.workspace.workspace import Outcome, Workspace
from goldenpath.release.artifact.pack import Contents, pack
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.policy import Finding, Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.evidence.contributions import Contributions
from goldenpath.release.evidence.scan import scan, scan_statement
from goldenpath.release.evidence.training_statements import statements
from goldenpath.train.training_run import Check, Metric, TrainingRun
from tests.prepared import Answer, act_once, copy_prepared, let_git_hurry
from tests.release.attest.runs import BUILDER, training_run

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
LATELY = datetime.now(UTC) - timedelta(minutes=65)
"""When the platforms were set up whose verbs act by the real clock."""
VARIABLES = {"PATH": "/usr/bin:/bin"}
MODEL = "credit-default"
PEOPLE = {
    "platform-engineer": ("platform-engineer",),
    "validator": ("validator",),
    "risk-manager": ("risk-manager",),
    "data-scientist": ("validator",),
}
CONTRACT = Contract(
    name=MODEL,
    features=(Feature("age", "number"), Feature("sex", "category", categories=(1.0, 2.0))),
    output="probability",
    decision=DecisionPolicy((Band("low", 0.2, "accept"), Band("high", 1.01, "decline"))),
    monitor=MonitorSettings(),
)
METRICS = (
    Metric("roc_auc", 0.88, 0.87, 0.89, 6000),
    Metric("brier", 0.05, 0.048, 0.052, 6000),
    Metric("log_loss", 0.2, 0.19, 0.21, 6000),
    Metric("expected_calibration_error", 0.01, 0.005, 0.02, 6000),
    Metric("acceptance_rate", 0.8, 0.79, 0.81, 6000),
    Metric("acceptance_rate", 0.8, 0.78, 0.82, 2600, "sex=1"),
    Metric("acceptance_rate", 0.79, 0.77, 0.81, 3400, "sex=2"),
    Metric("acceptance_rate", 0.1, None, None, 12, "age_band=90"),
    Metric("robustness_noise", 0.0, 0.0, 0.002, 2000),
    Metric("robustness_flip", 0.06, 0.05, 0.07, 2000),
)
CHECKS = tuple(
    Check(name, True, "went well", 1.0)
    for name in ("lint", "tests", "smoke training", "equality of the export")
)


_HEAD = (
    "owner: data-scientist\napproved_by: validator\n"
    "approved_on: 2026-01-01\nreview_by: 2027-01-01\n"
)
_LIMITS = Path(__file__).parents[1] / "data" / "compliance" / "thresholds.yaml"


def documents() -> dict[str, bytes]:
    """The statements of a small model of tier low, written by its people."""
    card = (
        f"---\n{_HEAD}---\n# Model card\n\n## Intended purpose\n\n"
        "Sorts the files of companies by how soon an officer should read them again.\n\n"
        "## Limits and misuse\n\nIt knows the age and the sex of the director and nothing else.\n"
    )
    system = (
        f"{_HEAD}provider:\n  name: First Bank of the Example\n  address: 1 Example Street\n"
        "  role: both\nannex_iii_point: none\nannex_iii_exception: no natural persons\n"
        "reasoning: only companies are sorted, and no decision about a person follows\n"
    )
    roles = f"{_HEAD}roles:\n  owner: data-scientist\n  validator: validator\n"
    return {
        "card.md": card.encode(),
        "compliance/roles.yaml": roles.encode(),
        "compliance/system.yaml": system.encode(),
        "compliance/thresholds.yaml": _LIMITS.read_bytes().replace(b"model-", b""),
    }


def good_run() -> TrainingRun:
    """A training run that passes every gate."""
    thresholds = Digest.of(documents()["compliance/thresholds.yaml"]).text
    return dataclasses.replace(
        training_run(),
        model=MODEL,
        metrics=METRICS,
        checks=CHECKS,
        thresholds_digest=thresholds,
    )


def _set_up(folder: Path, now: datetime) -> None:
    """A platform that lists its people."""
    home = Home(folder / "home")
    keys = {name: SshKey.generate(folder / name) for name in PEOPLE}
    repository = Repository(str(home.gitops), folder / "cache", VARIABLES)
    engineer = Identity("platform-engineer", keys["platform-engineer"])
    wishes = PlatformOptions("127.0.0.1:8080", "registry.example/models", (engineer.name,))
    found(home, repository, engineer, wishes, environment=VARIABLES, now=now)
    let_git_hurry(home.gitops, repository.cache)
    trusted = follow(repository, home.trust, now)
    platform = trusted.platform
    for name, roles in PEOPLE.items():
        platform = with_person(platform, Person(name, roles, keys[name].public_line))
    repository.commit(
        trusted.commit, platform_files(platform), "platform: change", engineer.name,
        key=engineer.key, now=now,
    )  # fmt: skip


class Road:
    """A platform on one machine, its people, and a clock that is set by hand."""

    def __init__(self, folder: Path, now: datetime = START) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        self.now = now
        self.is_live = abs(datetime.now(UTC) - now) < timedelta(days=1)
        began = min(now, LATELY) if self.is_live else now
        copy_prepared(("road", began), folder, lambda place: _set_up(place, began))
        self.people = {name: Identity(name, SshKey.load(folder / name)) for name in PEOPLE}
        self.repository = self.clone("cache")
        self.signer = PemSigner.load(self.home.build_key)
        self.store = LayoutStore(self.home.registry)
        self._own = (self.store, self.signer)

    def clone(self, name: str) -> Repository:
        return Repository(str(self.home.gitops), self.folder / name, VARIABLES)

    def trusted(self) -> Trusted:
        # Verbs act by the real clock, and a road that begins now is used by verbs too.
        moment = max(self.now, datetime.now(UTC)) if self.is_live else self.now
        return follow(self.repository, self.home.trust, moment)

    def change_platform(self, platform: Platform) -> None:
        self.once("change", platform, lambda: self._change_platform(platform))

    def _change_platform(self, platform: Platform) -> None:
        engineer = self.people["platform-engineer"]
        self.repository.commit(
            self.trusted().commit, platform_files(platform), "platform: change", engineer.name,
            key=engineer.key, now=self.now,
        )  # fmt: skip

    def add_witness(self) -> SshKey:
        """List a witness during set-up, and return its key."""
        key, platform = SshKey.generate(self.folder / "witness"), self.trusted().platform
        listed = Person("eye", (WITNESS,), key.public_line)
        keys = (*platform.commit_keys, listed)
        self.change_platform(dataclasses.replace(platform, commit_keys=keys))
        return key

    def pass_time(self, **span: int) -> None:
        self.now += timedelta(**span)

    def release(
        self,
        weights: bytes = b"one",
        run: TrainingRun | None = None,
        contract: Contract = CONTRACT,
        extra: Mapping[str, bytes] | None = None,
        profile: bytes = b"{}",
        model: str = MODEL,
        contributions: Contributions | None = None,
    ) -> Digest:
        wish = (weights, run, contract, extra, profile, model, contributions)
        return self.once("release", wish, lambda: self._release(*wish))

    def _release(
        self,
        weights: bytes,
        run: TrainingRun | None,
        contract: Contract,
        extra: Mapping[str, bytes] | None,
        profile: bytes,
        model: str,
        contributions: Contributions | None,
    ) -> Digest:
        folder = self.folder / "outputs"
        folder.mkdir(exist_ok=True)
        (folder / "model.onnx").write_bytes(weights)
        own = contract if model == MODEL else dataclasses.replace(contract, name=model)
        packed = pack(
            self.store,
            Contents(
                name=model, version="1", outputs=folder,
                contract=render_contract(own),
                profile=profile, lock=b"version = 1\n", python_version="3.11.7",
                documents={**documents(), **(extra or {})}, commit="a" * 40,
                committed_at="2026-11-20T08:00:00Z",
            ),
        )  # fmt: skip
        subjects = (packed.image.digest,)
        trained = dataclasses.replace(run or good_run(), model=model)
        said = statements(trained, subjects, builder=BUILDER, contributions=contributions)
        for each in (*said, scan_statement(scan({"model.onnx": b""}, ()), subjects)):
            attach(self.store, packed.image, each, self.signer, now=self.now)
        sign_image(
            self.store, packed.image, f"registry.example/models/{model}", self.signer, now=self.now
        )
        return packed.image.digest

    def once(self, name: str, wish: object, act: Callable[[], Answer]) -> Answer:
        """Act, or take what the same act left in another test; by the real clock always act."""
        if self.is_live or (self.store, self.signer) != self._own:
            return act()
        keys = tuple(
            f"{title} {each.name} {each.key.public_line}" for title, each in self.people.items()
        )
        return act_once((name, repr(wish), self.now, type(self), keys), self.folder, act)

    def desk(self, name: str, repository: Repository | None = None) -> Workspace:
        identity = self.people[name]
        return Workspace(
            repository or self.repository,
            self.home.trust,
            lambda: self.store,
            identity,
            lambda: self.now,
        )

    def view(self) -> Viewpoint:
        """What read-only questions need."""
        seen = self.desk("validator").seen
        return Viewpoint(self.repository, self.trusted(), self.store, self.now, seen)

    def machine(self) -> Workspace:
        key = SshKey.load(self.home.rollout_key)
        return dataclasses.replace(self.desk("validator"), acting=Identity("rollout", key))

    def promote(
        self,
        digest: Digest,
        stage: str,
        *,
        by: str = "platform-engineer",
        steps: tuple[int, ...] = (100,),
    ) -> Outcome[PromotionIntent]:
        self.pass_time(minutes=1)
        return self.promote_now(digest, stage, by=by, steps=steps)

    def promote_now(
        self,
        digest: Digest,
        stage: str,
        *,
        by: str = "platform-engineer",
        steps: tuple[int, ...] = (100,),
    ) -> Outcome[PromotionIntent]:
        return self.once(
            "promote", (digest, stage, by, steps),
            lambda: promote(self.desk(by), digest, stage, steps=steps),
        )  # fmt: skip

    def admission(
        self,
        deployment: Deployment,
        digest: Digest,
        break_glass: BreakGlass | None = None,
        *,
        trusted: Trusted | None = None,
    ) -> tuple[Finding, ...]:
        """What a follower finds, which judges the gates itself."""
        return admit(
            self.store,
            trusted or self.trusted(),
            deployment,
            digest,
            history=StageHistory(self.repository, self.desk("validator").seen),
            now=self.now,
            break_glass=break_glass,
        )

    def approve(self, digest: Digest, *people: str) -> list[Outcome[Approval]]:
        return self.once(
            "approve", (digest, people),
            lambda: [approve(self.desk(name), digest, "prod") for name in people],
        )  # fmt: skip

    def bring_to_prod(
        self, digest: Digest, steps: tuple[int, ...] = (100,)
    ) -> Outcome[PromotionIntent]:
        self.pass_time(minutes=3)
        return self.once("bring to prod", (digest, steps), lambda: self._bring(digest, steps))

    def _bring(self, digest: Digest, steps: tuple[int, ...]) -> Outcome[PromotionIntent]:
        self.pass_time(minutes=-3)
        for stage in ("dev", "test"):
            done = self.promote(digest, stage)
            assert done.commit, done.decision
        self.approve(digest, "validator", "risk-manager")
        return self.promote(digest, "prod", steps=steps)
