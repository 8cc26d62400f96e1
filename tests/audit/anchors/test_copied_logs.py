"""A job anchors the copied logs of pods: each run begins with an empty home and one key."""

from pathlib import Path

import pytest

from goldenpath import compose
from goldenpath.audit.anchors.anchors_branch import BRANCH, read_anchors
from goldenpath.audit.anchors.held_heads import HeldHead
from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.home import Home
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import GITOPS_VARIABLE, PREDICTIONS_VARIABLE, TRUST_VARIABLE
from tests.audit.proofs.proven_home import HELD, ProvenHome, seal_many, serve_a_home

STAGE = "prod"


@pytest.fixture
def proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProvenHome:
    """Pods that answered, and the variables of the job."""
    made = serve_a_home(tmp_path / "pods")
    home = made.served.home
    (root,) = made.grounds.repository.commits(
        [follow(made.grounds.repository, home.trust, HELD).commit]
    )
    while root.parents:
        (root,) = made.grounds.repository.commits(root.parents[:1])
    monkeypatch.setenv(GITOPS_VARIABLE, str(home.gitops))
    monkeypatch.setenv(TRUST_VARIABLE, root.id)
    monkeypatch.setenv(PREDICTIONS_VARIABLE, str(home.predictions))
    return made


def run_job(proven: ProvenHome, folder: Path, key: Path | None = None) -> str:
    """One run of the job, in a home of its own."""
    return compose.anchor_copied_log(Home(folder), STAGE, key or proven.served.home.witness_key)


def held(proven: ProvenHome) -> tuple[HeldHead, ...]:
    home = proven.served.home
    branch = Repository(str(home.gitops), home.anchors_cache, branch=BRANCH)
    witnesses = follow(proven.grounds.repository, home.trust, HELD).platform.witnesses
    return read_anchors(branch, witnesses).held("witness").heads


def test_a_job_holds_the_newest_segment_of_each_pod_and_repeats_nothing(
    proven: ProvenHome, tmp_path: Path
) -> None:
    commit = run_job(proven, tmp_path / "first")

    (head,) = held(proven)
    (segment,) = head.segments
    assert head.commit == commit and (segment.stage, segment.model) == (STAGE, "credit")
    assert run_job(proven, tmp_path / "second") == "", "the branch has it already"

    seal_many(proven.served.home, proven.served.made, [0.1] * 4, replica="later")
    assert run_job(proven, tmp_path / "third")
    assert [each.replica for each in held(proven)[-1].segments] == ["later"]
    assert held(proven)[0] == head, "what was held stays"


def test_a_copy_that_cannot_be_read_is_never_a_log_without_answers(
    proven: ProvenHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    for where in (tmp_path / "absent", tmp_path / "file"):
        monkeypatch.setenv(PREDICTIONS_VARIABLE, str(where))
        with pytest.raises(Unavailable):
            run_job(proven, tmp_path / "job")
    monkeypatch.delenv(PREDICTIONS_VARIABLE)
    with pytest.raises(InvalidInput, match=PREDICTIONS_VARIABLE):
        run_job(proven, tmp_path / "job")
    assert held(proven) == ()


def test_a_key_that_nobody_listed_holds_nothing(proven: ProvenHome, tmp_path: Path) -> None:
    SshKey.generate(tmp_path / "key")

    with pytest.raises(NotFound, match="does not list"):
        run_job(proven, tmp_path / "job", tmp_path / "key")
