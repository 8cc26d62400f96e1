"""A home that version 0.1 wrote is read by today's code, fact for fact.

`home-0.1.tar.xz` was made by the verbs of that version: two releases of a small model, promoted,
rolled back, held, resumed and rolled out as a canary; their predictions; the audit log of it all.
`home-0.1-answers.json` is what that version then answered. No private key is kept: nothing new can
be signed in this home, and the inputs of its predictions cannot be opened.
"""

import base64
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.inspection import files_of
from goldenpath.release.artifact.pack import CONTRACT, PROFILE
from goldenpath.release.attest.media_types import BUNDLE
from tests.cli.saying import Command
from tests.deploy.platform import OneMachine

DATA = Path(__file__).parent / "data"
ANSWERS: dict[str, object] = json.loads((DATA / "home-0.1-answers.json").read_bytes())
FIRST = "sha256:4f4817675d98d7a3e89c1d711203b30b7bd7f2bc369e64839c25684f97aff94a"
SECOND = "sha256:ece23b5887c997a8d8dd41c69018ebaf8d3f19c90f429d01e1208e93c840eabe"
OF_FIRST, OF_SECOND = "8560e998d2bb301ba7e6085c2e484be6", "633eae1960f8f9a7c3455638ecbc0c02"
QUESTIONS = {
    f"verify {FIRST}": 0,
    f"verify {SECOND}": 0,
    "log check": 0,
    "events": 0,
    "events --check": 0,
    "status": 7,
    "at 2026-11-29T03:59:01Z": 0,
    "at 2026-11-29T03:59:36Z": 0,
    "at 2026-11-29T04:00:30Z": 0,
    f"trace {OF_FIRST}": 0,
    f"trace {OF_SECOND}": 0,
}
"""What is asked of the old home, and how it ends.

Two answers were untrue and are mended in the file. One second after a commit, `at` accused answers
of a server that had just been drained. And it said nothing while no server was up after a commit.
"""
PROSE = frozenset({"message", "cure"})
"""Members for people, whose words may change."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old home, not to be changed."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(DATA / "home-0.1.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    root = folder / "home-0.1"
    bundle, bare = str(root / "gitops.bundle"), str(root / "gitops.git")
    subprocess.run(["git", "clone", "--bare", "--quiet", bundle, bare], check=True)
    return root


@pytest.fixture
def home(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of it that a test may change."""
    root = Path(shutil.copytree(unpacked, tmp_path / "home"))
    monkeypatch.setenv(HOME_VARIABLE, str(root))
    return Home(root)


@pytest.fixture
def command(home: Home, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line over the old home."""
    return Command(capsys)


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_old_home_is_read_as_the_version_that_wrote_it_read_it(
    command: Command, question: str
) -> None:
    said = command(*question.split(), "--output", "json")

    assert said.code == QUESTIONS[question], said.err
    assert still_says(json.loads(said.out), ANSWERS[question])


def still_says(now: object, before: object) -> bool:
    """Whether an answer has all that it had; new members and other words for people are right."""
    match now, before:
        case dict(), dict():
            facts = before.keys() - PROSE
            assert facts <= now.keys(), facts - now.keys()
            return all(still_says(now[key], before[key]) for key in facts)
        case list(), list():
            return len(now) == len(before) and all(map(still_says, now, before))
    assert now == before
    return True


def test_the_old_home_holds_no_private_key_and_no_path_of_a_machine(unpacked: Path) -> None:
    repository = unpacked / "gitops.git"
    files = [path for path in unpacked.rglob("*") if path.is_file()]
    texts = [path.read_bytes() for path in files if repository not in path.parents]
    history = ["git", f"--git-dir={repository}", "log", "--all", "--patch", "--format=raw"]
    texts.append(subprocess.run(history, check=True, capture_output=True).stdout)

    assert len(texts) > 70
    for text in texts:
        assert not re.search(rb"PRIVATE KEY|/(tmp|root|home|work)/", text)


def test_a_byte_changed_in_the_old_release_is_found(home: Home, command: Command) -> None:
    manifest = json.loads(blob(home, FIRST))
    layer = home.registry / "blobs" / "sha256" / Digest(manifest["layers"][0]["digest"]).hex
    content = bytearray(layer.read_bytes())
    content[-1] ^= 1
    layer.write_bytes(content)

    assert command("verify", FIRST).code == 4


def test_an_event_changed_in_the_old_audit_log_is_found(home: Home, command: Command) -> None:
    (log,) = home.events.glob("*.jsonl")
    changed = log.read_bytes().replace(b"a second release", b"a better release")
    assert changed != log.read_bytes()
    log.write_bytes(changed)

    assert command("events", "--check").code == 4


def test_a_segment_gone_from_the_old_prediction_log_is_found(home: Home, command: Command) -> None:
    for path in home.predictions.glob("test/credit/*"):
        path.unlink()

    assert command("log", "check").code == 4


def test_the_same_contents_are_the_same_release_today(tmp_path: Path, home: Home) -> None:
    today = OneMachine(tmp_path / "today")
    files = files_of(LayoutStore(home.registry), Digest(FIRST), keep={CONTRACT, PROFILE})
    old = {path: files[path].content for path in (CONTRACT, PROFILE)}

    assert (today.release(stored=old).text, today.release(0.5, stored=old).text) == (FIRST, SECOND)
    for release in (FIRST, SECOND):
        made = statements(today.home, release)
        assert len(made) >= 5 and made <= statements(home, release)


def statements(home: Home, release: str) -> set[bytes]:
    """What is said in bundles about a release, to the byte."""
    referrers = LayoutStore(home.registry).referrers(Digest(release))
    manifests = [json.loads(blob(home, each.digest.text)) for each in referrers]
    bundles = [
        json.loads(blob(home, layer["digest"]))
        for manifest in manifests
        for layer in manifest["layers"]
        if layer["mediaType"] == BUNDLE
    ]
    return {base64.b64decode(bundle["dsseEnvelope"]["payload"]) for bundle in bundles}


def blob(home: Home, digest: str) -> bytes:
    """The content of a digest in the registry of a home."""
    return (home.registry / "blobs" / "sha256" / Digest(digest).hex).read_bytes()
