"""The model of rights is held against the real follower: field by field, holder by holder.

Whatever one holder alone changes and the follower accepts has to be named by `sod`. On a sealed
platform nothing of that is a path to production.
"""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.acts.rights import FIELDS, RightsScene, rights
from goldenpath.promote.manifests.deployment_files import (
    changed_files,
    deployment_folder,
    parse_deployments,
    release_path,
    render_deployment,
    route_path,
)
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.manifests.object_names import service_name
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.platform.platform import parse_platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.chain_walk import ChainWalk
from goldenpath.promote.repository.commit import insert_signature, render_commit
from goldenpath.promote.repository.countersign import base_of, set_up_is_over, sign_change
from goldenpath.promote.repository.git import Git
from goldenpath.promote.repository.tree import write_tree
from goldenpath.promote.workspace.questions import duties
from goldenpath.promote.workspace.scene_reader import files_of
from goldenpath.release.attest.attach import attach, attach_ssh
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL, DECISION, WAIVER, Statement
from tests.promote.road import MODEL, PEOPLE, Road, good_run
from tests.sizes import FULL, at_size

FOLDER = deployment_folder("prod", MODEL)
ROUTE, RELEASE = route_path("prod", MODEL), release_path("prod", MODEL)
Files = Mapping[str, bytes | None]


@dataclass(frozen=True)
class Platform:
    """A platform with a canary in prod, and the commit from which every attempt starts."""

    road: Road
    root: str
    base: Trusted
    one: Digest
    two: Digest
    bad: Digest
    keys: Mapping[str, tuple[str, SshKey]]
    """Kind of holder and key, by name."""

    def services(self) -> tuple[str, str]:
        """The files of the stable release and of the canary."""
        stable, canary = (service_name(MODEL, each) for each in (self.one, self.two))
        return f"{FOLDER}/{stable}.yaml", f"{FOLDER}/{canary}.yaml"

    def files(self) -> dict[str, dict[str, object]]:
        read = self.road.repository.read
        return {
            path: yaml.safe_load(read(self.base.commit, path) or b"")
            for path in (*self.services(), ROUTE, RELEASE)
        }

    def deployment(self, commit: str) -> Deployment:
        files = files_of(self.road.repository, commit, FOLDER)
        (declared,) = parse_deployments(files.applied, self.base.platform)
        return declared

    def applied(self) -> Mapping[str, bytes]:
        return files_of(self.road.repository, self.base.commit, FOLDER).applied

    def attempt(self, name: str, files: Files, message: str = "by hand") -> Trusted | None:
        """What the follower follows after one signed commit; None if it refuses it."""
        _, key = self.keys[name]
        repository, base = self.road.repository, self.base.commit
        # Written into the copy at once: what is pushed first gives the same commit.
        git = Git(repository.cache, {"PATH": os.environ["PATH"]})
        tree = write_tree(git, repository.cache, base, files)
        content = render_commit(tree, (base,), name, self.road.now, message=message)
        signed = insert_signature(content, key.sign(content, "git"))
        made = (
            git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed).decode().strip()
        )
        try:
            ChainWalk(repository, self.root, self.base.commit).verify(made, datetime.now(UTC))
        except VerificationError:
            return None
        declared = repository.read(made, "platform.toml")
        assert declared is not None
        return Trusted(made, parse_platform(declared))


PLATFORMS: dict[str, Platform] = {}


def build(folder: Path, *, sealed: bool) -> Platform:
    road = Road(folder)
    one, two = road.release(b"one"), road.release(b"two")
    bad = road.release(b"bad", run=replace(good_run(), checks=()))
    witness = road.add_witness()
    if sealed:
        seal(road)
    road.bring_to_prod(one)
    road.bring_to_prod(two, steps=(10, 50, 100))
    road.approve(bad, "validator", "risk-manager")
    road.pass_time(minutes=1)
    trusted = road.trusted()
    keys = {name: ("person", road.people[name].key) for name in PEOPLE}
    keys["rollout"] = ("machine", SshKey.load(road.home.rollout_key))
    keys["eye"] = ("witness", witness)
    keys["stranger"] = ("pusher", SshKey.generate(folder / "stranger"))
    root = road.repository.between(None, trusted.commit)[0]
    PLATFORMS[trusted.commit] = made = Platform(road, root, trusted, one, two, bad, keys)
    return made


def seal(road: Road) -> None:
    """Two people sign the whole platform, with `two-people = true`."""
    trusted = road.trusted()
    files: Files = {**platform_files(replace(trusted.platform, two_people=True))}
    changed = {p: c for p, c in files.items() if road.repository.read(trusted.commit, p) != c}
    base = base_of(road.repository, trusted.commit)
    validator, engineer = road.people["validator"], road.people["platform-engineer"]
    message = "platform: seal\n\n" + sign_change(base, changed, "validator", validator.key)
    road.repository.commit(
        trusted.commit, changed, message, engineer.name, key=engineer.key, now=road.now
    )
    assert road.trusted().platform.two_people


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """No test moves its `main`."""
    return build(tmp_path_factory.mktemp("sealed"), sealed=True)


@pytest.fixture(scope="module", params=[True, False], ids=["sealed", "set up"])
def platform(
    request: pytest.FixtureRequest, sealed: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Platform:
    return sealed if request.param else build(tmp_path_factory.mktemp("rights"), sealed=False)


@cache
def opened(commit: str, kind: str) -> frozenset[str]:
    """The fields that the model leaves to this kind of holder, as `sod` prints them."""
    platform = PLATFORMS[commit]
    base, repository = platform.base, platform.road.repository
    found = duties(repository, base, {}, platform.road.now)
    scene = RightsScene(base.platform, set_up_is_over(repository, base.commit, base.platform))
    model = {each for each in rights(scene) if each.holder == kind and each.outcome != "refused"}
    named = {each.how for each in found.paths}
    assert all(each in found.alone or each.by in named for each in model)
    return frozenset(each.field for each in model)


Change = Callable[[Platform, st.DataObject], Files]
CHANGES: dict[str, list[Change]] = {}


def changes(field: str) -> Callable[[Change], Change]:
    assert field in FIELDS

    def note(change: Change) -> Change:
        CHANGES.setdefault(field, []).append(change)
        return change

    return note


def service(
    platform: Platform, edit: Callable[[dict[str, object]], object], canary: bool = False
) -> Files:
    path = platform.services()[canary]
    value = platform.files()[path]
    edit(value)
    return {path: render_yaml(value)}


def predictor(value: dict[str, object]) -> dict[str, object]:
    spec = value["spec"]
    assert isinstance(spec, dict)
    found = spec["predictor"]
    assert isinstance(found, dict)
    return found


def in_predictor(key: str, value: object) -> Change:
    def change(platform: Platform, data: st.DataObject) -> Files:
        canary = data.draw(st.booleans())
        return service(platform, lambda v: predictor(v).update({key: value}), canary)

    return change


def in_model(key: str, value: object) -> Change:
    def change(platform: Platform, data: st.DataObject) -> Files:
        canary = data.draw(st.booleans())

        def edit(v: dict[str, object]) -> None:
            model = predictor(v)["model"]
            assert isinstance(model, dict)
            model[key] = value

        return service(platform, edit, canary)

    return change


def in_metadata(key: str, name: str, value: str) -> Change:
    def change(platform: Platform, data: st.DataObject) -> Files:
        def edit(v: dict[str, object]) -> None:
            metadata = v["metadata"]
            assert isinstance(metadata, dict)
            metadata.setdefault(key, {})[name] = value

        return service(platform, edit, data.draw(st.booleans()))

    return change


def in_route(*path: str | int, value: object) -> Change:
    def change(platform: Platform, data: st.DataObject) -> Files:
        route = platform.files()[ROUTE]
        inner: object = route
        for key in path[:-1]:
            inner = inner[key]  # type: ignore[index]
        inner[path[-1]] = value  # type: ignore[index]
        return {ROUTE: render_yaml(route)}

    return change


def stop(platform: Platform, data: st.DataObject) -> Files:
    stopped = replace(platform.deployment(platform.base.commit), stopped=True)
    return {**render_deployment(stopped, platform.base.platform, platform.applied())}


for count in (0, 2, 1000):
    changes("replicas")(in_predictor("minReplicas", count))
for key, value in (("maxReplicas", 9), ("scaleTarget", 1), ("scaleMetric", "cpu")):
    changes("scaling")(in_predictor(key, value))
for name in ("OMP_NUM_THREADS", "OPENSSL_CONF", "LD_PRELOAD", "HTTPS_PROXY", "THRESHOLD"):
    changes("env")(in_model("env", [{"name": name, "value": "1"}]))
changes("memory")(in_model("resources", {"limits": {"memory": "1"}}))
changes("stop")(in_metadata("annotations", "serving.kserve.io/stop", "true"))
changes("stop")(stop)
changes("annotations")(in_metadata("annotations", "bank.example/owner", "me"))
changes("labels")(in_metadata("labels", "team", "mine"))
IN_PREDICTOR: Mapping[str, object] = {
    "serviceAccountName": "admin",
    "nodeSelector": {"a": "b"},
    "timeout": 1,
    "containers": [{"name": "x", "image": "y"}],
    "volumes": [],
    "hostNetwork": True,
    "annotations": {"a": "b"},
    "securityContext": {"runAsUser": 0},
}
IN_MODEL: Mapping[str, object] = {
    "image": "x",
    "command": ["x"],
    "args": ["x"],
    "runtime": "x",
    "storage": {"key": "x"},
    "imagePullPolicy": "Never",
}
for key, setting in IN_PREDICTOR.items():
    changes("other field")(in_predictor(key, setting))
for key, setting in IN_MODEL.items():
    changes("other field")(in_model(key, setting))
changes("other field")(in_metadata("finalizers", "x", "y"))
RULE, ELSEWHERE = ("spec", "rules", 0), {"name": "collector", "namespace": "theirs", "port": 80}
IN_ROUTE: Mapping[tuple[str | int, ...], object] = {
    ("spec", "hostnames"): [f"{MODEL}.prod.evil.example"],
    ("spec", "parentRefs", 0, "name"): "outside",
    ("metadata", "labels"): {"team": "mine"},
    ("metadata", "annotations", "nginx.org/server-snippets"): "proxy_pass x;",
    (*RULE, "backendRefs", 1): {**ELSEWHERE, "weight": 10},
    (*RULE, "matches", 0, "path", "value"): "/x",
    (*RULE, "timeouts"): {"request": "1ms"},
    (*RULE, "filters"): [
        {"type": "RequestMirror", "requestMirror": {"backendRef": ELSEWHERE}},
    ],
}
for place, setting in IN_ROUTE.items():
    changes("route")(in_route(*place, value=setting))


@changes("route")
def _(platform: Platform, data: st.DataObject) -> Files:
    more = data.draw(st.sampled_from([f"{MODEL}-00000000.yaml", "fraud-00000000.yaml"]))
    return {f"{FOLDER}/{more}": platform.applied()[platform.services()[0]]}


@changes("form")
def _(platform: Platform, data: st.DataObject) -> Files:
    single = replace(platform.deployment(platform.base.commit), form="single")
    return changed_files(single, platform.base.platform, platform.applied())


@changes("removal")
def _(platform: Platform, data: st.DataObject) -> Files:
    return {**dict.fromkeys(platform.applied()), RELEASE: None}


@changes("removal")
def _(platform: Platform, data: st.DataObject) -> Files:
    return {**dict.fromkeys(platform.applied())}


@changes("release removal")
def _(platform: Platform, data: st.DataObject) -> Files:
    return {RELEASE: None}


@changes("unreadable")
def _(platform: Platform, data: st.DataObject) -> Files:
    path = data.draw(st.sampled_from([*platform.services(), ROUTE, RELEASE]))
    return {path: data.draw(st.sampled_from([None, data.draw(st.binary(max_size=20)) + b":["]))}


@changes("followed file")
def _(platform: Platform, data: st.DataObject) -> Files:
    places = (
        f"envs/prod/{MODEL}/deployment.yaml", f"envs/dev/{MODEL}/pod.yaml", "envs/prod/other.yaml",
        "envs/live/x/inferenceservice.yaml", "envs/x", f"envs/prod/{MODEL}/x/inferenceservice.yaml",
    )  # fmt: skip
    return {data.draw(st.sampled_from(places)): b"kind: Pod\n"}


@changes("note")
def _(platform: Platform, data: st.DataObject) -> Files:
    return {data.draw(st.sampled_from(["README.md", "docs/x.md", "apps/x.yaml"])): b"a: 1\n"}


@changes("policies")
def _(platform: Platform, data: st.DataObject) -> Files:
    return {data.draw(st.sampled_from(["policies/kyverno.yaml", "policies/x"])): b"a: 1\n"}


@changes("argocd")
def _(platform: Platform, data: st.DataObject) -> Files:
    return {data.draw(st.sampled_from(["argocd/project.yaml", "argocd/x"])): b"a: 1\n"}


@changes("cluster")
def _(platform: Platform, data: st.DataObject) -> Files:
    return {data.draw(st.sampled_from(["cluster/stage/runtime.yaml", "cluster/x"])): b"a: 1\n"}


@changes("platform.toml")
def _(platform: Platform, data: st.DataObject) -> Files:
    known = platform.base.platform
    *others, last = known.stages
    new = data.draw(
        st.sampled_from(
            [
                replace(known, gateway="0.0.0.0:8080"),
                replace(known, gateway="127.0.0.1:1"),
                replace(known, url="https://git.example/mine.git"),
                replace(known, registry_store="layout:other"),
                replace(known, stages=(*others, replace(last, approvals=0))),
                replace(known, stages=(*others, replace(last, gates=("evidence",)))),
                replace(known, people=known.people[:1]),
                replace(known, two_people=not known.two_people),
                replace(known, build_keys=known.build_keys[:0]),
            ]
        )
    )
    return {"platform.toml": platform_files(new)["platform.toml"]}


def shares(platform: Platform, *pairs: tuple[Digest, int]) -> dict[str, bytes | None]:
    """The files that goldenpath itself would write for these shares."""
    slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in pairs)
    moved = platform.deployment(platform.base.commit).moved_to(slots)
    return {**changed_files(moved, platform.base.platform, platform.applied())}


def record(platform: Platform, **values: object) -> dict[str, bytes]:
    value = platform.files()[RELEASE] | values
    return {RELEASE: render_yaml({k: v for k, v in value.items() if v is not None})}


@changes("percent")
def _(platform: Platform, data: st.DataObject) -> Files:
    percent = data.draw(st.sampled_from([0, 1, 9, 11, 49, 50, 51, 99, 100]))
    if percent == 100:
        return shares(platform, (platform.two, 100))
    return shares(platform, (platform.one, 100 - percent), (platform.two, percent))


@changes("going back")
def _(platform: Platform, data: st.DataObject) -> Files:
    back = record(
        platform, digest=platform.one.text, previous=None, rolledBack=platform.two.text,
        source={"repository": "", "commit": ""}, approvals=[], decision=None,
    )  # fmt: skip
    return {**shares(platform, (platform.one, 100)), **back}


@changes("digest")
def _(platform: Platform, data: st.DataObject) -> Files:
    bad = platform.bad
    pairs = data.draw(
        st.sampled_from(
            [
                ((bad, 100),),
                ((platform.one, 90), (bad, 10)),
                ((platform.one, 80), (platform.two, 10), (bad, 10)),
                ((bad, 90), (platform.two, 10)),
            ]
        )
    )
    more = data.draw(st.sampled_from([{}, record(platform, digest=bad.text)]))
    return {**shares(platform, *pairs), **more}


for field, values in {
    "source": {"source": {"repository": "x", "commit": "f" * 40}},
    "rollout": {"rollout": {"steps": [100]}},
    "approvals": {"approvals": [Digest.of(b"x").text]},
    "decision": {"decision": Digest.of(b"x").text},
    "previous": {"previous": Digest.of(b"x").text},
    "rolledBack": {"rolledBack": Digest.of(b"x").text},
    "hold": {"hold": "validator: because"},
}.items():
    changes(field)(lambda platform, data, values=values: record(platform, **values))  # type: ignore[misc]
changes("judged")(lambda platform, data: record(platform, judged=["holds"]))


@changes("breakGlass")
def _(platform: Platform, data: st.DataObject) -> Files:
    times = {"since": "2026-11-23T08:00:00Z", "until": "2026-11-24T08:00:00Z"}
    glass = {"by": "validator", "reason": "because of this", **times}
    return record(platform, breakGlass=glass)


OF_COMMITS = sorted(CHANGES)


@settings(
    max_examples=at_size(6, 80),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_what_one_holder_changes_and_the_follower_accepts_is_named(
    platform: Platform, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(platform.keys)), "holder")
    field = data.draw(st.sampled_from(OF_COMMITS), "field")
    number = data.draw(st.integers(0, len(CHANGES[field]) - 1), "variant")
    files = CHANGES[field][number](platform, data)
    if all(
        platform.road.repository.read(platform.base.commit, path) == content
        for path, content in files.items()
    ):
        return

    followed = platform.attempt(name, files)

    if followed is None or (field == "digest" and not brings(platform, followed)):
        return
    kind, _ = platform.keys[name]
    assert field in opened(platform.base.commit, kind), f"{name} changed {field}: {sorted(files)}"


def brings(platform: Platform, followed: Trusted) -> bool:
    """Whether the bad release would run."""
    declared = platform.deployment(followed.commit)
    if all(slot.digest != platform.bad for slot in declared.slots):
        return False
    findings = platform.road.admission(declared, platform.bad, trusted=followed)
    return all(each.status != "fail" for each in findings)


@pytest.mark.parametrize("field", OF_COMMITS)
def test_each_field_is_tried_by_a_person_and_by_the_machine(platform: Platform, field: str) -> None:
    for name in _holders(platform, field):
        kind, _ = platform.keys[name]
        for files in _each(platform, field):
            followed = platform.attempt(name, files)
            if followed is not None and (field != "digest" or brings(platform, followed)):
                assert field in opened(platform.base.commit, kind), (
                    f"{name} changed {field}: {sorted(files)}"
                )


def _holders(platform: Platform, field: str) -> tuple[str, ...]:
    """Who tries; the small size has strangers and witnesses for three fields.

    While a platform is set up only people may do more than later.
    """
    if FULL or field in ("percent", "note", "platform.toml"):
        return ("platform-engineer", "rollout", "stranger", "eye")
    is_sealed = platform.base.platform.two_people
    return ("platform-engineer", "rollout") if is_sealed else ("platform-engineer",)


def _each(platform: Platform, field: str) -> Iterator[Files]:
    """One example of each way to change the field; of many ways the small size has two."""
    ways = CHANGES[field]
    for change in ways if FULL else dict.fromkeys((ways[0], ways[-1])):
        yield change(platform, _First())  # type: ignore[arg-type]


class _First:
    """Draws the simplest example, as hypothesis would shrink to."""

    def draw(self, strategy: st.SearchStrategy[object], label: object = None) -> object:
        from hypothesis import Phase, find

        first = settings(max_examples=1, phases=(Phase.generate,), database=None)
        return find(strategy, lambda _: True, settings=first)


def test_a_sealed_platform_has_no_path(sealed: Platform) -> None:
    found = duties(sealed.road.repository, sealed.base, {}, sealed.road.now)

    assert found.paths == ()
    assert found.unknown == ()


def test_who_writes_to_the_registry_opens_nothing(platform: Platform) -> None:
    road = platform.road
    image = road.store.resolve(platform.bad.text)
    stranger = platform.keys["stranger"][1]
    for kind in (APPROVAL, DECISION, WAIVER):
        statement = Statement((platform.bad,), kind, {"allowed": True, "stage": "prod"})
        attach_ssh(road.store, image, statement, stranger, now=road.now)
        attach(road.store, image, statement, road.signer, now=road.now)

    followed = platform.attempt("validator", shares(platform, (platform.bad, 100)))

    assert followed is None or not brings(platform, followed)


def test_the_record_that_a_machine_notes_is_read_back(platform: Platform) -> None:
    followed = platform.attempt("rollout", record(platform, judged=["holds"]))

    assert followed is not None
    content = platform.road.repository.read(followed.commit, RELEASE)
    assert content is not None
    assert parse_placement(content).judged == ("holds",)


@pytest.mark.parametrize("mode", ["120000", "160000"], ids=["a link", "a submodule"])
@pytest.mark.parametrize("name", ["platform-engineer", "rollout"])
def test_nobody_alone_puts_something_else_in_the_place_of_a_file(
    sealed: Platform, tmp_path: Path, name: str, mode: str
) -> None:
    """A link with the same text would take the deployment away."""
    base, repository = sealed.base.commit, sealed.road.repository

    def git(*arguments: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", f"--git-dir={repository.cache}", *arguments], input=stdin, check=True,
            capture_output=True, env={**os.environ, "GIT_INDEX_FILE": str(tmp_path / "index")},
        )  # fmt: skip
        return done.stdout.decode().strip()

    git("read-tree", base)
    there = base if mode == "160000" else git("rev-parse", f"{base}:{ROUTE}")
    git("update-index", "--add", "--cacheinfo", f"{mode},{there},{ROUTE}")
    content = render_commit(
        git("write-tree"), (base,), name, sealed.road.now, message="another mode"
    )
    signed = insert_signature(content, sealed.keys[name][1].sign(content, "git"))
    made = git("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed)

    with pytest.raises(VerificationError, match="unreadable"):
        ChainWalk(repository, sealed.root, base).verify(made, datetime.now(UTC))
