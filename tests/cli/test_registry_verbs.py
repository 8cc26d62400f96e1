"""`goldenpath registry`: what goes is shown first, and the answers of an audit stay the same."""

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.audit.events.event_log import EventLog
from goldenpath.cli.families import command_of
from goldenpath.digest import Digest
from goldenpath.home import HOME_VARIABLE
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.oci.stores.layout_index import nearly_full
from goldenpath.release.artifact.pack import pack
from goldenpath.release.artifact.release_tags import tagged_releases
from tests.audit.proofs.proven_home import HELD, ProvenHome, serve_a_home
from tests.release.artifact.made import contents

NEXT_DAY = "2026-11-23T12:00:00Z"


class Desk:
    """A home with one release that answered, and one that nobody ever placed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proven: ProvenHome = serve_a_home(folder)
        self.proven.anchor()
        self.home = self.proven.served.home
        self.live = self.proven.served.made.image.digest
        store = LayoutStore(self.home.registry)
        image = pack(store, contents(folder / "outputs", model=b"never placed")).image
        self.other = image.digest
        store.tag(f"credit-{'1' * 12}", image)
        then = time.time() - 200 * 24 * 3600
        for path in (self.home.registry / "blobs" / "sha256").iterdir():
            os.utime(path, (then, then))

    def ask(self, *words: str) -> tuple[int, str]:
        command = command_of(words[0])
        result = CliRunner().invoke(
            command, words[1:], env={HOME_VARIABLE: str(self.home.root)}, catch_exceptions=False
        )
        return result.exit_code, result.stdout

    def answers(self) -> list[tuple[int, str]]:
        prediction = self.proven.served.prediction_id
        bundle = str(self.folder / "bundle.tgz")
        return [
            self.ask("at", HELD.isoformat(), "--output", "json"),
            self._trace(prediction),
            self.ask("report", self.live.text, "--as-of", NEXT_DAY, "--output", "json"),
            self.ask("verify", self.live.text, "--output", "json"),
            (self.ask("prove", prediction, "--bundle", bundle, "--output", "json")[0], ""),
            self.ask("log", "check", "--output", "json"),
        ]

    def _trace(self, prediction: str) -> tuple[int, str]:
        code, text = self.ask("trace", prediction, "--output", "json")
        answer = json.loads(text)
        answer.pop("check")  # it names the time of now
        return code, json.dumps(answer)

    def releases(self) -> frozenset[Digest]:
        return tagged_releases(LayoutStore(self.home.registry))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("registry"))


def test_a_prune_is_shown_first_and_changes_no_answer_of_an_audit(desk: Desk) -> None:
    before = desk.answers()
    assert any(code == 0 for code, _ in before)
    assert desk.other in desk.releases()

    code, text = desk.ask("registry", "prune", "--output", "json")
    shown = json.loads(text)
    assert code == 0
    assert shown["releases"] == [desk.other.text]
    assert not shown["removed"]
    assert desk.other in desk.releases()
    reasons = {each["digest"]: each["reason"] for each in shown["verdicts"]}
    assert reasons[desk.live.text] == "is in prod/credit"

    key = str(desk.folder / "engineer")
    code, text = desk.ask(
        "registry", "prune", "--yes", "--as", "platform-engineer", "--key", key, "--reason", "room"
    )

    assert code == 0
    assert "1 releases" in text
    assert desk.other not in desk.releases()
    assert desk.answers() == before
    event = list(EventLog(desk.home.events).read())[-1]
    assert event.kind == "registry.pruned"
    assert desk.other.text in json.dumps(dict(event.details or {}))
    assert json.loads(desk.ask("registry", "prune", "--output", "json")[1])["releases"] == []


def test_a_compaction_leaves_every_release(desk: Desk) -> None:
    before = desk.releases()

    code, text = desk.ask("registry", "compact", "--yes", "--output", "json")

    assert code == 0
    assert json.loads(text)["releases"] == []
    assert desk.releases() == before


def test_a_nearly_full_registry_is_told(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    index.write_bytes(b" " * (16 * 1024 * 1024 * 79 // 100))
    assert nearly_full(tmp_path) == ""
    index.write_bytes(b" " * (16 * 1024 * 1024 * 85 // 100))
    assert "percent full" in nearly_full(tmp_path)
