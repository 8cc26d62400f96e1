"""What a stolen build key touched, before it is revoked."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.audit.registers.key_reach import KeyReach, key_reach
from goldenpath.cli.key import verb
from goldenpath.home import HOME_VARIABLE
from tests.audit.registers.asking import records_of
from tests.audit.served import Served, serve_once
from tests.promote.road import MODEL, Road
from tests.release.attest.releases import NOW


class Signed:
    """A release that was live before a theft, one after it, and one that nobody placed."""

    def __init__(self, folder: Path) -> None:
        self.road = road = Road(folder)
        self.old = road.release(b"old")
        road.promote(self.old, "dev")
        road.pass_time(hours=1)
        self.lying = road.release(b"lying")
        road.store.tag(f"{MODEL}-0123456789ab", road.store.resolve(self.lying.text))
        road.pass_time(hours=1)
        self.theft = road.now
        self.fresh = road.release(b"fresh")
        road.promote(self.fresh, "dev")

    def reach(self, key: str) -> KeyReach:
        records = records_of(self.road, self.road.now)
        return key_reach(records, self.road.home, key, self.theft)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return Signed(tmp_path_factory.mktemp("stolen"))


def test_what_was_signed_since_or_may_be_backdated_is_touched(signed: Signed) -> None:
    (key,) = signed.road.trusted().platform.build_keys

    reach = signed.reach(key.name)

    touched = {each.release: each for each in reach.releases}
    assert set(touched) == {signed.fresh, signed.lying}, "what was live before then is not"
    assert touched[signed.fresh].signed == "since then"
    assert [each.state for each in touched[signed.fresh].places] == ["live"]
    assert {each.kind for each in touched[signed.fresh].judgements} == {"decision"}
    # Only the signer states when it signed, so an unplaced release may be backdated.
    assert touched[signed.lying].signed.startswith("before, and no commit")
    assert touched[signed.fresh].answers is None
    assert any("no prediction log" in line for line in reach.unknown)


def test_another_key_touched_nothing(signed: Signed) -> None:
    assert signed.reach("another").releases == ()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return serve_once(tmp_path_factory.mktemp("served"))[0]


def test_the_verb_lists_models_approvals_and_answers_and_then_revokes(
    served: Served, tmp_path: Path
) -> None:
    shutil.copytree(served.home.root.parent, tmp_path / "copy")
    environment = {HOME_VARIABLE: str(tmp_path / "copy" / served.home.root.name)}
    acting = ["--as", "platform-engineer", "--key", str(tmp_path / "copy" / "engineer")]
    since = (NOW - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")

    def run(*words: str) -> dict[str, dict[str, list[dict[str, object]]]]:
        result = CliRunner().invoke(
            verb, [*words, "--output", "json"], env=environment, catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        found: dict[str, dict[str, list[dict[str, object]]]] = json.loads(result.stdout)
        return found

    name = str(run_list(environment)[0]["name"])
    seen = run("revoke", name, "--since", since, "--dry-run")
    done = run("revoke", name, "--since", since, *acting)

    assert seen["touched"] == done["touched"]
    (touched,) = done["touched"]["releases"]
    assert (touched["model"], touched["answers"]) == ("credit", 1)
    judgements = touched["judgements"]
    assert isinstance(judgements, list)
    assert {(each["kind"], each["by"]) for each in judgements} >= {
        ("approval", "validator"), ("approval", "manager"),
    }  # fmt: skip
    assert done["commit"] or done["proposal"]


def run_list(environment: dict[str, str]) -> list[dict[str, object]]:
    result = CliRunner().invoke(verb, ["list", "--output", "json"], env=environment)
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize(
    "words", [["--since", "2026-01-01", "--all"], ["--at", "2026-01-01", "--all"], ["--dry-run"]]
)
def test_times_that_exclude_each_other_are_refused(served: Served, words: list[str]) -> None:
    result = CliRunner().invoke(verb, ["revoke", "x", *words], env=served.environment)

    assert "expected one of --at, --since and --all" in str(result.exception)
