"""`goldenpath key admit` and `goldenpath reconcile`: what a follower of a cluster signs."""

import json
import os
from pathlib import Path

import pytest

from goldenpath import compose
from goldenpath.home import Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.manifests.cluster import VERIFIED
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.media_types import PREDICATE_TYPE
from tests.cli.conftest import Town
from tests.cli.saying import Command
from tests.deploy.cluster.cluster_objects import KINDS, begin, serve
from tests.deploy.cluster.fake_api_server import fake_api_server
from tests.deploy.cluster.fake_kubectl import install_kubectl
from tests.promote.road import MODEL

ENGINEER = "platform-engineer"


def kinds(town: Town) -> list[str]:
    store = LayoutStore(town.folder / "home" / "registry")
    listed = (e.annotations.get(PREDICATE_TYPE, "") for e in store.referrers(town.live))
    return sorted(kind for kind in listed if "/admitted/" in kind)


def test_a_follower_signs_once_what_it_judged_and_nothing_by_another_key(
    changing: Command, copy: Town, tmp_path: Path
) -> None:
    by_build_key = changing("reconcile")
    assert (by_build_key.code, "not an admission key" in by_build_key.err) == (2, True)
    made = changing(
        "key", "admit", "follower", str(tmp_path / "follower"), "--make-key",
        *copy.acting(ENGINEER),
    )  # fmt: skip
    assert made.code == 0, made.err
    key = str(tmp_path / "follower.pem")
    assert kinds(copy) == []

    first = changing("reconcile", "--key", key, "--output", "json")

    assert first.code == 0, first.err
    rows = json.loads(first.out)["releases"]
    assert [(e["stage"], e["model"], e["digest"], e["state"]) for e in rows] == [
        (stage, MODEL, copy.live.text, "signed") for stage in ("dev", "test")
    ]
    types = [f"https://goldenpath.example/attestation/admitted/v1/{s}" for s in ("dev", "test")]
    assert kinds(copy) == types
    town_git = Repository(str(copy.folder / "home" / "gitops.git"), tmp_path / "cache")
    branch = json.loads(first.out)["branch"]
    assert branch == {
        "commit": town_git.fetch(),
        "newest": town_git.head(),
        "state": "current",
        "reason": "",
    }
    verified = Repository(town_git.url, tmp_path / "cache", branch=VERIFIED)
    assert verified.remote_head() == town_git.head()
    again = changing("reconcile", "--key", key)
    assert [line.split()[2] for line in again.out.splitlines()[2:]] == ["standing"] * 2
    assert kinds(copy) == types
    listed = changing("platform", "show", "--output", "json")
    assert [each["name"] for each in json.loads(listed.out)["admission_keys"]] == ["follower"]
    own = changing(
        "key", "admit", "another", str(tmp_path / "follower.pub"), *copy.acting(ENGINEER)
    )
    assert (own.code, "lists the key follower already" in own.err) == (2, True)


def test_a_release_that_is_refused_gets_none(changing: Command, copy: Town, tmp_path: Path) -> None:
    acting = copy.acting(ENGINEER)
    key = tmp_path / "follower"
    changing("key", "admit", "follower", str(key), "--make-key", *acting)
    # The build key never was: nothing that it signed about the release counts any more.
    changing("key", "add", "second", str(tmp_path / "second"), "--make-key", *acting)
    first = json.loads(changing("key", "list", "--output", "json").out)[0]["name"]
    ended = changing("key", "revoke", first, "--all", *acting)
    assert ended.code == 0, ended.err

    refused = changing("reconcile", "--key", f"{key}.pem", "--output", "json")

    assert refused.code == 7, refused.err
    rows = json.loads(refused.out)["releases"]
    assert {each["state"] for each in rows} == {"refused"}
    assert all("threshold" in each["reason"] for each in rows)
    branch = json.loads(refused.out)["branch"]
    assert (branch["commit"], branch["state"]) == ("", "waits")
    assert f"dev/{MODEL}" in branch["reason"] and "threshold" in branch["reason"]
    page = changing("reconcile", "--key", f"{key}.pem").out.splitlines()
    assert page[1].startswith("verified is not there (waits): ")
    assert kinds(copy) == []


def test_at_a_desk_it_records_what_the_cluster_runs_and_at_says_it(
    changing: Command, copy: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing(
        "key", "admit", "follower", str(tmp_path / "follower"), "--make-key",
        *copy.acting(ENGINEER),
    )  # fmt: skip
    home = Home(copy.folder / "home")
    trusted, survey = compose.desired(home)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    observe = ("reconcile", "--key", str(tmp_path / "follower.pem"), "--observe")
    with fake_api_server() as server:
        begin(server, tuple(stage.name for stage in trusted.platform.stages))
        for deployment in survey.deployments:
            serve(server, deployment, trusted.platform)
        install_kubectl(tmp_path / "kubectl", server)

        assert compose.held(home).heads == ()
        observed = changing(*observe, "--context", "desk")

        assert observed.code == 0, observed.out + observed.err
        server.broken.add(f"{KINDS['Pod'].format('models-dev')}")
        blind = changing(*observe, "--context", "desk")
        assert (blind.code, "is not recorded: the cluster could not be asked" in blind.out) == (
            5,
            True,
        )
    # This home is that of a witness: it signed the heads of what it recorded.
    held = compose.held(home).heads[-1].events
    assert 0 < held.count <= sum(1 for _ in compose.event_log(home).read())
    live = json.loads(changing("at", "now", "--output", "json").out)
    assert {
        (each["stage"], share["digest"], share["observed"], share["replicas"])
        for each in live
        for share in each["shares"]
    } == {(stage, copy.live.text, 100, 1) for stage in ("dev", "test")}
    alone = changing("reconcile", "--context", "desk")
    assert (alone.code, "add --observe" in alone.err) == (2, True)
