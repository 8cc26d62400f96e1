import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.promote.acts.founding import (
    PlatformOptions,
    platform_files,
    require_known_roles,
    with_person,
)
from goldenpath.promote.manifests.cluster import render_cluster
from goldenpath.promote.platform.demands import Demands
from goldenpath.promote.platform.platform import parse_platform
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.identity import Identity, find_identity, require_listed
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.platform_setup import Founded, found
from goldenpath.release.attest.policy import Person, TrustedKey
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.promote.example import platform
from tests.promote.manifests.crds import check
from tests.release.attest.releases import new_signer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
WISHES = PlatformOptions("127.0.0.1:8080", "registry.example/models", ("platform-engineer",))


class Machine:
    """One home and one engineer."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.engineer = Identity("platform-engineer", SshKey.generate(folder / "engineer"))
        self.repository = Repository(str(self.home.gitops), self.home.gitops_cache, ENVIRONMENT)

    def found(self) -> Founded:
        return found(
            self.home, self.repository, self.engineer, WISHES, environment=ENVIRONMENT, now=NOW
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_new_platform_is_trusted_from_its_first_commit(machine: Machine) -> None:
    done = machine.found()

    trusted = follow(machine.repository, machine.home.trust)
    assert done.root == trusted.commit
    assert [stage.name for stage in trusted.platform.stages] == ["dev", "test", "prod"]
    assert trusted.platform.stages[-1].approvals == 2
    assert [person.name for person in trusted.platform.people] == ["platform-engineer"]
    assert machine.home.keys.stat().st_mode & 0o777 == 0o700


def test_a_role_that_no_stage_knows_is_refused() -> None:
    known = platform()

    require_known_roles(known, ("validator", "platform-engineer", "data-scientist"))
    for role, hint in (("validatr", "did you mean validator?"), ("x", "approver-roles")):
        with pytest.raises(InvalidInput, match=f"no stage knows the role '{role}'") as refused:
            require_known_roles(known, ("validator", role))
        assert hint in (refused.value.hint or "")


def test_founding_twice_is_founding_once(machine: Machine) -> None:
    first = machine.found()
    second = machine.found()

    assert second == dataclasses.replace(first, created=())


@pytest.mark.parametrize("lost", ["trust", "gitops_cache"])
def test_an_interrupted_founding_is_finished_by_the_next(machine: Machine, lost: str) -> None:
    first = machine.found()
    path: Path = getattr(machine.home, lost)
    path.rename(path.with_name("lost"))

    assert machine.found().root == first.root
    assert path.exists()


def test_a_person_is_added_by_a_commit_that_is_followed(machine: Machine) -> None:
    machine.found()
    trusted = follow(machine.repository, machine.home.trust)
    key = SshKey.generate(machine.home.root / "validator")
    person = Person("validator", ("validator",), key.public_line)

    machine.repository.commit(
        trusted.commit,
        platform_files(with_person(trusted.platform, person)),
        "platform: list validator",
        machine.engineer.name,
        key=machine.engineer.key,
        now=NOW,
    )

    assert person in follow(machine.repository, machine.home.trust).platform.people


def test_one_key_under_two_names_is_refused(machine: Machine) -> None:
    twin = with_person(platform(), Person("twin", (), platform().people[0].ssh_key))

    with pytest.raises(InvalidInput, match="same ssh-key"):
        parse_platform(platform_files(twin)["platform.toml"])


@pytest.mark.parametrize("path", sorted(render_cluster(platform())))
def test_a_cluster_would_take_the_file(path: str) -> None:
    documents = list(yaml.safe_load_all(render_cluster(platform())[path]))

    assert documents
    for document in documents:
        # Policies of Kubernetes itself have no definition; `make cluster` applies them.
        if not document["apiVersion"].startswith("admissionregistration.k8s.io/"):
            check(document)


def test_policy_controller_needs_all_three_and_each_for_itself() -> None:
    content = render_cluster(platform())["policies/policy-controller.yaml"]

    policies = {each["metadata"]["name"]: each for each in yaml.safe_load_all(content)}
    assert set(policies) == {"models-sign", "models-slsa", "models-sbom"}
    (signed,) = policies["models-sign"]["spec"]["authorities"]
    assert "attestations" not in signed


def test_kyverno_demands_what_the_platform_demands() -> None:
    demands = Demands("https://git.example/team/credit", "https://ci.example/build", 2)
    strict = dataclasses.replace(platform(), demands=demands)

    policy = next(yaml.safe_load_all(render_cluster(strict)["policies/kyverno.yaml"]))
    said = [each["expression"] for each in policy["spec"]["validations"]]

    assert [each.rpartition(">= ")[2] for each in said[:3]] == ["2)", "1)", "1)"]
    assert 'runDetails.builder.id == "https://ci.example/build"' in said[3]
    assert 'externalParameters.repository == "https://git.example/team/credit"' in said[4]
    for document in yaml.safe_load_all(render_cluster(strict)["policies/kyverno.yaml"]):
        check(document)


def test_a_revoked_key_opens_no_cluster() -> None:
    (key,) = platform().build_keys
    revoked = dataclasses.replace(
        platform(), build_keys=(key, dataclasses.replace(key, name="old", revoked_at=NOW))
    )

    for policy in yaml.safe_load_all(render_cluster(revoked)["policies/kyverno.yaml"]):
        assert [each["name"] for each in policy["spec"]["attestors"]] == ["key_release"]


@pytest.mark.parametrize(("keys", "branch"), [(0, "main"), (1, "verified")])
def test_argo_cd_watches_what_a_follower_judged_once_one_is_listed(keys: int, branch: str) -> None:
    follower = TrustedKey("follower", new_signer().public_key())
    governed = dataclasses.replace(platform(), admission_keys=(follower,)[:keys])

    files = render_cluster(governed)

    followed = [
        line.split(":")[1].strip()
        for path in ("argocd/applicationset.yaml", "argocd/platform.yaml")
        for line in files[path].decode().splitlines()
        if line.strip().lower().startswith(("revision:", "targetrevision:"))
    ]
    assert followed == [branch] * 3
    assert b"FOLLOWED_BRANCH" not in b"".join(files.values())


def test_kyverno_asks_for_the_admission_of_each_stage_by_its_own_key() -> None:
    follower = TrustedKey("follower", new_signer().public_key())
    governed = dataclasses.replace(platform(), admission_keys=(follower,))

    policies = list(yaml.safe_load_all(render_cluster(governed)["policies/kyverno.yaml"]))

    names = [each["metadata"]["name"] for each in policies]
    assert names == [
        f"goldenpath-{stage.name}-{kind}"
        for stage in governed.stages
        for kind in ("services", "pods")
    ]
    for policy in policies:
        check(policy)
        stage = policy["metadata"]["name"].split("-")[1]
        types = {each["name"]: each["intoto"]["type"] for each in policy["spec"]["attestations"]}
        assert types["admitted"].endswith(f"/admitted/v1/{stage}")
        (by,) = (
            each["expression"]
            for each in policy["spec"]["validations"]
            if "attestations.admitted, [" in each["expression"]
        )
        assert "attestors.admits_follower" in by
        assert "attestors.key_release" not in by


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist") as caught:
        find_identity("validator", tmp_path / "none", ENVIRONMENT)
    assert "ssh-keygen -t ed25519" in str(caught.value.hint)


def test_a_key_is_made_on_request(tmp_path: Path) -> None:
    made = find_identity("validator", tmp_path / "new", ENVIRONMENT, make_key=True)

    again = find_identity("validator", tmp_path / "new", ENVIRONMENT)
    assert again.key.public_line == made.key.public_line


@pytest.mark.parametrize("name", ["Jane Doe", "../x", "-", "a" * 41])
def test_a_name_that_cannot_act_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="not a valid name"):
        find_identity(name, tmp_path / "new", ENVIRONMENT, make_key=True)


def test_only_name_and_key_together_are_listed(machine: Machine, tmp_path: Path) -> None:
    machine.found()
    listed = follow(machine.repository, machine.home.trust).platform
    other = SshKey.generate(tmp_path / "other")

    assert require_listed(machine.engineer, listed, NOW).name == "platform-engineer"
    with pytest.raises(InvalidInput, match="not the key"):
        require_listed(Identity("platform-engineer", other), listed, NOW)
    with pytest.raises(InvalidInput, match="is the key of"):
        require_listed(Identity("validator", machine.engineer.key), listed, NOW)
    with pytest.raises(InvalidInput, match="does not list"):
        require_listed(Identity("validator", other), listed, NOW)
    with pytest.raises(InvalidInput, match="does not list"):
        rollout = SshKey.load(machine.home.rollout_key)
        require_listed(Identity("rollout", rollout), listed, NOW)


def test_what_was_rendered_and_read_is_rendered_alike() -> None:
    files = platform_files(platform())

    assert Digest.of(files["platform.toml"]) == Digest.of(
        platform_files(parse_platform(files["platform.toml"]))["platform.toml"]
    )
