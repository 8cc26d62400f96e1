"""A change of trust needs two people, and `sod` lists every path by one person."""

import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.cli.trusting import trust_text
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.promote.acts.duties import Duties
from goldenpath.promote.acts.founding import platform_files, with_person, without_person
from goldenpath.promote.acts.intents import TrustIntent
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import last_trusted
from goldenpath.promote.repository.chain_walk import ChainWalk
from goldenpath.promote.repository.commit import insert_signature, render_commit
from goldenpath.promote.repository.commit_message import APPROVAL_SIGNATURE
from goldenpath.promote.repository.countersign import base_of, sign_change
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.workspace.desired_state import Surveyor
from goldenpath.promote.workspace.questions import duties
from goldenpath.promote.workspace.stage_changes import promote
from goldenpath.promote.workspace.trust_changes import change_trust, confirm
from goldenpath.promote.workspace.workspace import Outcome
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.promote.repository.protected import open_up, protect
from tests.promote.road import Road


class Town(Road):
    """A platform that may be set up, and people who try to get around two-person control."""

    def change(
        self, platform: Platform, by: str = "platform-engineer", *, two: bool = False
    ) -> Outcome[TrustIntent]:
        self.pass_time(minutes=1)
        files = platform_files(platform)
        return change_trust(self.desk(by), self.trusted(), files, "platform: change", two=two)

    def confirm(self, proposal: str, by: str = "validator") -> Outcome[TrustIntent]:
        self.pass_time(minutes=1)
        return confirm(self.desk(by), proposal)

    def seal(self) -> Outcome[TrustIntent]:
        self.pass_time(minutes=2)
        return self.once("seal", (), self._seal)

    def _seal(self) -> Outcome[TrustIntent]:
        self.pass_time(minutes=-2)
        sealed = replace(self.trusted().platform, two_people=True)
        return self.confirm(self.change(sealed, two=True).intent.proposal)

    def newcomer(self, name: str = "newcomer") -> Platform:
        key = SshKey.generate(self.folder / name)
        self.people[name] = Identity(name, key)
        return with_person(self.trusted().platform, Person(name, ("validator",), key.public_line))

    def duties(self) -> Duties:
        trusted = self.trusted()
        standing = Surveyor(self.repository).survey(trusted).standing
        return duties(self.repository, trusted, standing, self.now)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_an_open_set_up_is_a_path_of_everybody_who_is_listed(town: Town) -> None:
    (path,) = town.duties().paths

    assert "platform-engineer" in path.who
    assert "set-up is open" in path.how
    assert path.cure == "goldenpath sod --seal"


def test_a_sealed_set_up_has_no_path(town: Town) -> None:
    done = town.seal()

    found = town.duties()
    assert found.paths == ()
    assert found.confirmed_by == ("platform-engineer", "validator") == tuple(sorted(done.intent.by))


def test_the_first_release_in_the_last_stage_ends_set_up(town: Town) -> None:
    town.bring_to_prod(town.release())

    proposed = town.change(town.newcomer())

    assert proposed.commit == ""
    assert "newcomer" not in {person.name for person in town.trusted().platform.people}
    founder, settings = town.duties().paths
    assert "alone during set-up" in founder.how
    assert "may change settings of prod alone" in settings.how
    assert {founder.cure, settings.cure} == {"goldenpath sod --seal"}


def test_two_people_together_list_a_third(town: Town) -> None:
    town.seal()

    done = town.confirm(town.change(town.newcomer()).intent.proposal, "risk-manager")

    assert done.intent.by == ("platform-engineer", "risk-manager")
    assert "newcomer" in {person.name for person in town.trusted().platform.people}
    assert town.duties().paths == ()


@pytest.mark.parametrize("path", ["platform.toml", "policies/kyverno.yaml", "argocd/project.yaml"])
def test_a_commit_of_one_person_that_changes_trust_is_not_followed(town: Town, path: str) -> None:
    town.seal()
    before = town.trusted().commit
    files = platform_files(replace(town.newcomer(), url="https://git.example/mine.git"))
    commit_alone(town, {path: files[path] + b"# \n"})

    with pytest.raises(VerificationError, match="only one person signed it"):
        town.trusted()
    with pytest.raises(VerificationError, match="only one person signed it"):
        everything(town)
    assert town.repository.contains(before, town.repository.head())


@pytest.mark.parametrize("gateway", ["0.0.0.0:8080", "[::]:8080", "127.0.0.1:9", "10.0.0.1:80"])
def test_one_person_does_not_move_the_gateway(town: Town, gateway: str) -> None:
    town.seal()
    before = town.trusted()
    platform = replace(before.platform, gateway=gateway)

    commit_alone(town, dict(platform_files(platform)))

    with pytest.raises(VerificationError, match="only one person signed it"):
        town.trusted()
    assert last_trusted(town.repository, town.home.trust) == before


def test_two_people_move_the_gateway_and_sod_says_who_reaches_it(town: Town) -> None:
    town.seal()
    platform = replace(town.trusted().platform, gateway="0.0.0.0:8080")

    town.confirm(town.change(platform).intent.proposal)

    assert town.trusted().platform.gateway == "0.0.0.0:8080"
    (path,) = town.duties().paths
    assert (path.who, "0.0.0.0:8080" in path.how) == ("each caller", True)


def test_nobody_confirms_their_own_proposal(town: Town) -> None:
    town.seal()
    proposed = town.change(town.newcomer())

    with pytest.raises(InvalidInput, match="platform-engineer cannot confirm"):
        town.confirm(proposed.intent.proposal, "platform-engineer")


def test_two_people_without_an_engineer_change_nothing(town: Town) -> None:
    town.seal()
    proposed = town.change(town.newcomer(), by="validator")

    assert proposed.intent.by == ("platform-engineer",)
    with pytest.raises(InvalidInput, match="risk-manager cannot confirm"):
        town.confirm(proposed.intent.proposal, "risk-manager")


def test_a_signature_over_other_files_is_no_agreement(town: Town) -> None:
    town.seal()
    base = base_of(town.repository, town.trusted().commit)
    harmless: dict[str, bytes | None] = {
        "platform.toml": platform_files(town.trusted().platform)["platform.toml"]
    }
    validator = town.people["validator"]
    trailers = sign_change(base, harmless, "validator", validator.key)

    commit_alone(town, dict(platform_files(town.newcomer())), trailers)

    with pytest.raises(VerificationError, match="of another change of trust"):
        town.trusted()


def test_an_agreement_does_not_bring_back_what_was_changed_since(town: Town) -> None:
    town.seal()
    first = town.confirm(town.change(town.newcomer()).intent.proposal)
    (with_newcomer,) = town.repository.commits([first.commit])
    without = without_person(town.trusted().platform, "newcomer", town.now)
    town.confirm(town.change(without).intent.proposal)
    old = dict.fromkeys(with_newcomer.paths, b"")
    files = {path: town.repository.read(first.commit, path) for path in old}

    packed = with_newcomer.trailer(APPROVAL_SIGNATURE)
    commit_alone(town, files, f"Approved-By: validator\n{APPROVAL_SIGNATURE}: {packed}")

    with pytest.raises(VerificationError, match="of another change of trust"):
        town.trusted()


def test_a_confirmation_that_a_promotion_overtakes_is_decided_anew(town: Town) -> None:
    town.seal()
    proposed = town.change(town.newcomer())
    digest = town.release()
    overtaken: list[str] = []

    def clock() -> datetime:
        if not overtaken:
            overtaken.append(promote(town.desk("risk-manager"), digest, "dev").commit)
        return town.now

    done = confirm(replace(town.desk("validator"), clock=clock), proposed.intent.proposal)

    assert town.trusted().commit == done.commit
    assert town.repository.contains(overtaken[0], done.commit)
    assert "newcomer" in {person.name for person in town.trusted().platform.people}


def test_a_proposal_is_void_once_trust_has_changed(town: Town) -> None:
    town.seal()
    one, two = town.change(town.newcomer("one")), town.change(town.newcomer("two"))
    town.confirm(one.intent.proposal)

    with pytest.raises(InvalidInput, match="the proposal is void"):
        town.confirm(two.intent.proposal)


def test_a_proposal_that_nobody_made_is_not_found(town: Town) -> None:
    with pytest.raises(NotFound, match="no branch"):
        town.confirm("000000000000")


def test_on_a_protected_main_a_confirmed_change_waits_to_be_merged(town: Town) -> None:
    town.seal()
    proposed = town.change(town.newcomer())
    protect(town.home.gitops)

    done = town.confirm(proposed.intent.proposal)

    assert done.commit == ""
    assert "merge it by a fast-forward" in trust_text(done)
    with town.repository.incoming(done.branch) as (_, waiting):
        pass
    open_up(town.home.gitops)
    git(town, "push", "--quiet", str(town.home.gitops), f"{waiting}:refs/heads/main")
    assert "newcomer" in {person.name for person in town.trusted().platform.people}


def test_a_merge_brings_no_other_trust(town: Town) -> None:
    start = town.trusted().commit
    open_trust = town.newcomer()
    town.seal()
    files: dict[str, bytes | None] = {**platform_files(open_trust)}
    engineer = town.people["platform-engineer"]
    side = town.repository.commit(
        start, files, "side", engineer.name, key=engineer.key, now=town.now, branch="side"
    )

    merge(town, side)

    with pytest.raises(VerificationError, match=r"merge .* changes platform.toml"):
        town.trusted()


def test_without_approvals_one_person_decides_alone(town: Town) -> None:
    town.seal()
    platform = town.trusted().platform
    *others, prod = platform.stages
    loose = replace(platform, stages=(*others, replace(prod, approvals=0)))
    town.confirm(town.change(loose).intent.proposal)

    (path,) = town.duties().paths

    assert "prod asks for no approval" in path.how


def test_what_a_person_signed_counts_for_nothing_that_enters_after_they_left(town: Town) -> None:
    """The date in an approval is the word of its signer, who could date it back."""
    digest = town.release()
    for stage in ("dev", "test"):
        town.promote(digest, stage)
    town.approve(digest, "validator", "risk-manager")
    town.pass_time(hours=1)
    left = town.now
    town.change(without_person(town.trusted().platform, "risk-manager", left))

    done = town.promote(digest, "prod")

    assert done.approved_by == ("validator",)


def test_who_has_left_signs_nothing_any_more(town: Town) -> None:
    town.change(without_person(town.trusted().platform, "validator", town.now))
    town.pass_time(minutes=5)

    with pytest.raises(InvalidInput, match="expired"):
        town.promote(town.release(), "dev", by="validator")


def test_the_last_person_cannot_leave(town: Town) -> None:
    platform = town.trusted().platform
    alone = replace(platform, people=platform.people[:1])

    with pytest.raises(InvalidInput, match="is the last person who can act"):
        without_person(alone, alone.people[0].name, town.now + timedelta(days=1))


def commit_alone(town: Town, files: dict[str, bytes | None], trailers: str = "") -> None:
    town.pass_time(minutes=1)
    engineer = town.people["platform-engineer"]
    town.repository.commit(
        town.trusted().commit, files, f"platform: change\n\n{trailers}", engineer.name,
        key=engineer.key, now=town.now,
    )  # fmt: skip


def everything(town: Town) -> None:
    """A machine that sees the repository for the first time."""
    with town.repository.incoming() as (held, head):
        root = held.between(None, head)[0]
        ChainWalk(held, root, "").verify(head, town.now)


def merge(town: Town, side: str) -> None:
    """Make a signed merge with the tree of the side branch, by plain git commands."""
    head, key = town.trusted().commit, town.people["platform-engineer"].key
    tree = git(town, "rev-parse", f"{side}^{{tree}}")
    content = render_commit(tree, (head, side), "platform-engineer", town.now, message="merge")
    signed = insert_signature(content, key.sign(content, "git"))
    made = git(town, "hash-object", "-t", "commit", "-w", "--stdin", stdin=signed)
    git(town, "push", "--quiet", str(town.home.gitops), f"{made}:refs/heads/main")


def git(town: Town, *arguments: str, stdin: bytes = b"") -> str:
    command = ["git", f"--git-dir={town.repository.cache}", *arguments]
    return (
        subprocess.run(command, input=stdin, capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )
