"""Every verb on a platform that is really there: its JSON, its exit code, and wrong input."""

import json
from collections.abc import Iterable

import pytest

from goldenpath.cli.families import VERBS
from tests.cli.conftest import Town
from tests.cli.saying import Command, Said
from tests.sizes import full_size

CHANGE = {
    "approved_by", "branch", "commit", "decision", "deployment", "diff", "envelope", "reason",
    "request",
}  # fmt: skip
TRUST = {"branch", "by", "commit", "diff", "proposal", "request"}
TRANSFER = {
    "blobs_copied", "blobs_present", "bytes_copied", "destination", "digest", "manifests",
    "source", "tags",
}  # fmt: skip
READING = (
    ("person list", 0, list),
    ("key list", 0, list),
    ("platform show", 0, {"stages", "people", "build_keys", "two_people"}),
    ("platform policy", 0, {"people", "policy"}),
    ("sod", 7, {"beyond", "commit", "confirmed_by", "paths"}),
    ("gate {live} --stage test", 0, {"allowed", "decision"}),
    ("gate {fresh} --stage prod", 7, {"allowed", "decision"}),
    ("why credit-default --stage prod", 0, {"digest", "drift", "missing", "rollback", "summary"}),
    ("inventory", 7, {"agrees", "cells", "faults"}),
    ("inspect {live}", 0, {"digest", "layers", "mark", "referrers", "signers", "size"}),
    ("diff {live} {fresh}", 0, {"after", "before", "changes", "sections"}),
    ("drift", 0, list),
    ("log show", 0, list),
    ("events", 0, list),
    ("events --check", 0, {"breaks", "events", "head"}),
    ("at now", 0, list),
    ("at 2026-01-01T00:00:00Z --vs now", 0, {"from", "to", "differences"}),
    ("incident", 0, list),
    ("oversight", 0, {"models", "overrides", "stops", "unknown"}),
    ("waivers", 0, {"moment", "unknown", "waivers"}),
    ("affected none-such-package", 0, {"affected", "beyond", "could_not_find_out", "free"}),
    ("affected joblib==1.5.2", 7, {"affected", "beyond", "could_not_find_out", "free"}),
    ("register", 0, {"beyond", "commit", "moment", "systems"}),
    ("verify {live}", 0, {"digest", "findings", "holds"}),
    ("verify {live} --explain", 0, {"script"}),
    ("report {live}", 0, {"contradictions", "counts", "digest", "fields", "law", "sections"}),
    ("down", 0, {"stopped"}),
    ("attack --suite registry", 0, {"ablations", "holds", "outcomes", "suite"}),
)
CHANGING = (
    ("promote {fresh} --stage dev --dry-run", "platform-engineer", CHANGE),
    ("promote {fresh} --stage dev --canary 10,100", "platform-engineer", CHANGE),
    ("hold credit-default --stage dev --reason x", "platform-engineer", CHANGE),
    ("retire credit-default --stage dev --reason x", "platform-engineer", TRUST | {"not_known"}),
    (
        "incident open 'wrong scores' --model credit-default",
        "risk-manager",
        {"aware_at", "clocks", "corrective", "id", "steps"},
    ),
    ("approve {fresh} --stage prod", "validator", {"digest", "person", "stage", "until"}),
    ("person add new --role validator --ssh-key new.pub --make-key", "platform-engineer", TRUST),
    ("person end validator", "platform-engineer", TRUST),
    ("key add more more.pub --make-key", "platform-engineer", TRUST),
    ("platform init --target kubernetes", "platform-engineer", TRUST | {"files", "kept"}),
    ("copy {fresh} layout:copied@x", "", TRANSFER),
    ("push {fresh} layout:pushed@x", "", TRANSFER),
    ("sign {fresh}", "", {"digest", "key", "referrer"}),
)
REFUSED = (
    ("person add x --role validator --ssh-key none.pub", "platform-engineer", 3, "none.pub"),
    ("person add x --role validatr --ssh-key a.pub --make-key", "platform-engineer", 2, "no stage"),
    ("person end nobody", "platform-engineer", 3, "platform.toml does not list nobody"),
    ("key end nothing", "platform-engineer", 3, "nothing"),
    ("key revoke nothing", "platform-engineer", 3, "nothing"),
    ("platform change none.toml --reason x", "platform-engineer", 3, "none.toml does not exist"),
    ("platform init --target moon", "platform-engineer", 2, "'moon' is not 'kubernetes'"),
    ("platform write argocd/project.yaml a.pub --reason x", "platform-engineer", 2,
     "argocd/project.yaml follows from platform.toml"),
    ("confirm nothing", "validator", 3, "nothing"),
    ("approve none --stage prod", "validator", 3, "none"),
    ("promote {fresh} --stage prod --canary 1,x", "platform-engineer", 2, "--canary is '1,x'"),
    ("promote {fresh} --stage dev --criterion a", "platform-engineer", 2, "--criterion is 'a'"),
    ("rollout credit-default --stage dev --percent x", "platform-engineer", 2, "--percent is"),
    ("rollout credit-default --stage dev", "platform-engineer", 2, "has no canary"),
    ("rollback none --stage dev --reason x", "platform-engineer", 3, "none is not in dev"),
    ("hold credit-default --stage dev --reason ''", "platform-engineer", 2, "a reason is needed"),
    ("resume none --stage dev --reason x", "platform-engineer", 3, "none"),
    ("retire none --stage dev --reason x", "platform-engineer", 3, "none is not in dev"),
    ("renew credit-default --until 2999-01-01 --reason x", "data-scientist", 2, "in the future"),
    ("adopt none.onnx --rows none.csv", "", 2, "none.csv"),
    ("score credit-default none.csv --stage dev --out x.csv", "", 2, "none.csv"),
    ("score-job none credit-default s3://in/x --stage dev --out x.csv --reason x",
     "platform-engineer", 2, "--out is 'x.csv'"),
    ("eject .", "", 2, ". exists already"),
    ("doctor --target moon", "", 2, "'moon' is not one of 'machine', 'kubernetes'"),
    ("doctor --context moon", "", 2, "--context and --gateway are for a cluster"),
    ("waive {fresh} --gate none --stage prod --reason 'long enough' --until 2027-01-01",
     "risk-manager", 2, "none"),
    ("requests", "", 2, "no forge is set up"),
    ("status", "", 3, "goldenpath up never ran here"),
    ("send credit-default --stage dev --rows platform-engineer", "", 3, "never ran here"),
    ("log check", "", 3, "there is no prediction log yet"),
    ("log expire inputs --days 0 --reason x", "platform-engineer", 2, "--days: 0 is not in"),
    ("trace x", "", 3, "prediction x is not in the sealed log"),
    ("replay x --reason y", "risk-manager", 3, "prediction x is not in the sealed log"),
    ("sample --at yesterday", "", 2, "yesterday"),
    ("statements none", "", 2, "'none' does not exist"),
    ("prove x --bundle b", "", 3, "there is no prediction log yet"),
    ("at yesterday", "", 2, "yesterday"),
    ("at now --vs 2999-01-01T00:00:00Z", "", 2, "is in the future"),
    ("register --at yesterday", "", 2, "yesterday"),
    ("affected sha256:12", "", 2, "sha256:12"),
    ("affected CVE-2026-1", "", 2, "GOLDENPATH_ADVISORIES is not set"),
    ("waivers none", "", 3, "'none' is not a model"),
    ("oversight none", "", 3, "'none' is not a model"),
    ("incident close none --reason x", "risk-manager", 3, "there is no incident none"),
    ("incident open x --aware tomorrow", "risk-manager", 2, "tomorrow"),
    ("register --model none", "", 3, "'none' is not a model"),
    ("inspect none", "", 3, "none"),
    ("diff none none", "", 3, "none"),
    ("verify none", "", 3, "none"),
    ("verify {live} --policy none", "", 2, "--policy: file 'none' does not exist"),
    ("report none", "", 3, "none"),
    ("sign none", "", 3, "none"),
    ("reproduce none", "", 3, "none"),
    ("pull none.example:1/x:y", "", 5, "none.example"),
    ("copy none layout:x@y", "", 3, "none"),
    ("push none layout:x@y", "", 3, "none"),
    ("catalogue", "", 3, "the catalogue has no version of credit-default"),
    ("check none", "", 2, "directory 'none' does not exist"),
    ("data --project none", "", 2, "directory 'none' does not exist"),
    ("build none", "", 3, "goldenpath.toml"),
    ("new 'not a name'", "", 2, "not a name"),
    ("init --listen nowhere", "platform-engineer", 2, "--listen: 'nowhere' is not an address"),
    ("up --once --listen nowhere", "", 2, "--listen: 'nowhere' is not an address"),
    ("drift --close none --reason x", "platform-engineer", 3, "none"),
    ("findings close none --reason x", "platform-engineer", 3, "none"),
    ("labels add none.csv --model credit-default --stage dev", "platform-engineer", 2,
     "'none.csv' does not exist"),
    ("reconcile --valid 0", "", 2, "--valid: 0 is not in"),
    ("test-sets --at yesterday", "", 2, "yesterday"),
    ("registry prune --after-leaving 0", "", 2, "--after-leaving: 0 is not in"),
    ("policy test --nothing", "", 2, "has no option --nothing"),
    ("console --listen 0.0.0.0:0", "", 2, "is reached from other machines"),
    ("console nowhere", "", 2, "is nothing that a console shows"),
    ("console https://host.example/gitops.git", "", 2, "can be trusted: expected"),
    ("console --listen localhost:0", "", 2, "expected an IP address"),
    ("up --console 0.0.0.0:0", "", 2, "expected a loopback address"),
    ("health none", "", 3, "'none' is not a model"),
    ("performance none --stage dev", "", 3, "there is no prediction log yet"),
    ("telemetry rules --kind none", "", 2, "has no option --kind"),
    ("serve none", "", 3, "none"),
    ("image build --pins none", "", 2, "--pins: file 'none' does not exist"),
    ("fetch none files", "", 2, "no trust file was named"),
    ("judge credit-default --stage dev --dry-run", "platform-engineer", 2, "no source of counts"),
)  # fmt: skip
OWN_TESTS = {"demo", "completion", "verify-self", "gate", "why", "attack", "sod", "down", "events",
             "inventory"}  # fmt: skip
"""Verbs that have files of their own, or no input that could be wrong in a home of its own."""

ATTACK = full_size("test_every_attack_is_refused_and_every_control_is_needed")
"""The suite itself runs beside its attacks."""


def words(line: str, town: Town) -> list[str]:
    import shlex

    return shlex.split(line.format(live=town.live, fresh=town.fresh))


def require_shape(said: Said, shape: type[list[object]] | Iterable[str]) -> None:
    found = json.loads(said.out)
    if isinstance(shape, type):
        assert isinstance(found, list)
    else:
        assert set(shape) <= set(found)


@pytest.mark.parametrize(
    ("line", "code", "shape"),
    [
        pytest.param(*each, id=each[0], marks=ATTACK if each[0].startswith("attack") else ())
        for each in READING
    ],
)
def test_a_verb_that_reports_prints_one_json_document(
    town: Town, reading: Command, line: str, code: int, shape: type[list[object]] | set[str]
) -> None:
    said = reading(*words(line, town), "--output", "json")

    assert said.code == code, said.err
    require_shape(said, shape)


@pytest.mark.parametrize(("line", "person", "shape"), CHANGING, ids=[each[0] for each in CHANGING])
def test_a_verb_that_changes_something_prints_what_it_did(
    copy: Town, changing: Command, line: str, person: str, shape: set[str]
) -> None:
    acting = copy.acting(person) if person else ()
    said = changing(*words(line, copy), *acting, "--output", "json")

    assert said.code == 0, said.err
    require_shape(said, shape)


@pytest.mark.parametrize(
    ("line", "person", "code", "reason"), REFUSED, ids=[each[0] for each in REFUSED]
)
def test_wrong_input_ends_with_its_exit_code_and_one_sentence(
    town: Town, reading: Command, line: str, person: str, code: int, reason: str
) -> None:
    acting = town.acting(person) if person else ()
    said = reading(*words(line, town), *acting)

    assert (said.code, said.out) == (code, "")
    assert reason in said.err
    assert said.is_orderly


def test_every_verb_is_tried_with_wrong_input() -> None:
    tried = {line.split()[0] for line, *_ in REFUSED}

    assert tried | OWN_TESTS == set(VERBS)
