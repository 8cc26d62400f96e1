"""Whatever a user types or has in a file: one sentence that can be acted on, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from goldenpath.home import Home
from tests.cli.saying import Command
from tests.sizes import FULL
from tests.verbs import run_verb

GOLDENPATH = Path(sys.executable).parent / "goldenpath"
NONSENSE = ("", "x", "../../x", "-", "ü\n", "sha256:" + "0" * 64, "sha256:zz", "layout:", "oci://")
ACTING = ("--as", "engineer", "--key", "engineer")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a platform in it, and the key of the engineer who made it."""
    made = tmp_path_factory.mktemp("platform")
    home = {**os.environ, "GOLDENPATH_HOME": str(made / ".goldenpath")}
    run_verb(["init", *ACTING, "--make-key"], environment=home, folder=made).check_returncode()
    return made


@pytest.fixture
def goldenpath(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command in that folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GOLDENPATH_HOME", str(folder / ".goldenpath"))
    return Command(capsys)


@pytest.fixture
def lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command in an empty folder, without a platform and without a name."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("HOME", str(tmp_path)), ("GIT_CONFIG_GLOBAL", os.devnull)):
        monkeypatch.setenv(name, value)
    for name in ("GOLDENPATH_HOME", "GOLDENPATH_IDENTITY"):
        monkeypatch.delenv(name, raising=False)
    return Command(capsys)


def calls(word: str) -> tuple[tuple[str, ...], ...]:
    """Every verb that takes a name, a time or a file, given `word` for it."""
    return (
        ("verify", word), ("inspect", word), ("diff", word, word), ("report", word),
        ("gate", word, "--stage", "dev"), ("gate", "x", "--stage", word),
        ("approve", word, "--stage", "prod", *ACTING), ("approve", "x", "--stage", word, *ACTING),
        ("promote", word, "--stage", "dev", *ACTING), ("promote", "x", "--stage", word, *ACTING),
        ("promote", "x", "--stage", "dev", "--canary", word, *ACTING),
        ("rollback", word, "--stage", "dev", "--reason", "x", *ACTING),
        ("rollback", "x", "--stage", word, "--reason", "x", *ACTING),
        ("rollout", word, "--stage", "dev", *ACTING),
        ("rollout", "x", "--stage", "dev", "--percent", word, *ACTING),
        ("why", word, "--stage", "prod"), ("why", "x", "--stage", word),
        ("at", word), ("trace", word), ("prove", word, "--bundle", "b"),
        ("register", "--model", word), ("register", "--at", word), ("affected", word),
        ("waivers", word), ("findings", "--at", word), ("oversight", word), ("incident", word),
        ("incident", "open", word, "--finding", word, *ACTING), ("retire", word, "--stage", "dev",
         "--reason", "x", *ACTING), ("incident", "report", word, "--duty", word, *ACTING),
        ("incident", "close", word, "--reason", "x", *ACTING),
        ("events", "--since", word), ("events", "--kind", word),
        ("health", word), ("health", "x", "--stage", word),
        ("drift", word), ("drift", "--close", word, "--reason", "x", *ACTING),
        ("log", "show", "--model", word), ("log", "erase", word, "--reason", "x", *ACTING),
        ("status", "--wait", word), ("up", "--listen", word + ":99999", "--once"),
        ("send", word, "--stage", "dev", "--rows", "engineer"),
        ("send", "x", "--stage", "dev", "--rows", word),
        ("person", "add", word, "--role", "x", "--ssh-key", word, *ACTING),
        ("init", "--as", word, "--key", "engineer"), ("init", "--as", "x", "--key", word),
        ("build", word), ("check", word), ("new", word, "--into", "."),
        ("copy", word, word), ("push", word, word), ("pull", word),
    )  # fmt: skip


@pytest.mark.parametrize("word", NONSENSE if FULL else NONSENSE[::2], ids=repr)
def test_nonsense_is_refused_in_one_sentence(goldenpath: Command, word: str) -> None:
    for call in calls(word):
        said = goldenpath.run(call)

        assert said.is_orderly, (call, said)


def test_without_a_platform_every_verb_says_so_and_makes_nothing(
    lost: Command, tmp_path: Path
) -> None:
    for call in calls("x"):
        said = lost.run(call)

        assert said.is_orderly, (call, said)
    assert [path.name for path in tmp_path.rglob("*")] == []


def test_a_home_that_is_a_file_is_named(
    lost: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("text")
    monkeypatch.setenv("GOLDENPATH_HOME", str(tmp_path / "file"))
    for call in (*calls("x"), ("up", "--once"), ("down",), ("status",), ("inventory",)):
        said = lost.run(call)

        assert said.is_orderly, (call, said)
    assert f"error: {tmp_path}/file/" in lost("at", "now").err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "name: expected a value"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"x = " + b"[" * 50_000, "nested too deeply"),
        (b"x = " + b"1" * 5_000, "digits"),
        (b"x = '" + b"y" * 10_000_000 + b"'", "too large"),
        (b"unknown = 1\n", "unknown"),
    ],
    ids=["empty", "binary", "deep", "long number", "10 MB", "unknown key"],
)
def test_a_bad_declaration_is_named_by_check_and_build(
    lost: Command, tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "goldenpath.toml").write_bytes(content)

    checked, built = lost("check"), lost("build")

    assert (checked.code, built.code) == (2, 2)
    assert "goldenpath.toml" in checked.out
    assert "goldenpath.toml" in built.err
    assert reason in checked.out + checked.err
    assert built.is_orderly


REPORTING = (
    ("status",), ("inventory",), ("events",), ("events", "--check"), ("at", "now"), ("drift",),
    ("log", "show"), ("person", "list"), ("why", "x", "--stage", "prod"), ("init", *ACTING),
)  # fmt: skip


@pytest.mark.parametrize("call", REPORTING, ids=" ".join)
def test_json_is_all_that_stands_on_standard_output(
    goldenpath: Command, call: tuple[str, ...]
) -> None:
    said = goldenpath.run((*call, "--output", "json"))

    assert said.is_orderly
    if said.code in (0, 7):
        json.loads(said.out)
    else:
        assert said.out == ""


def _with_output(folder: Path, output: int, *words: str) -> subprocess.CompletedProcess[bytes]:
    home = {**os.environ, "GOLDENPATH_HOME": str(folder / ".goldenpath")}
    return subprocess.run(
        [GOLDENPATH, *words], env=home, stdout=output, stderr=subprocess.PIPE, check=False
    )


def test_a_reader_that_went_away_is_no_error(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = _with_output(folder, writing, "person", "list")
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_said(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = _with_output(folder, full.fileno(), "person", "list", "--output", "json")

    assert done.returncode == 5
    assert b"no space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_unreadable_pin_names_the_file(goldenpath: Command, folder: Path) -> None:
    pin = Home(folder / ".goldenpath").trust
    kept = pin.read_bytes()
    for content in (b"", b"{", b"\xff", b"[" * 100_000, b'{"version": 2}'):
        pin.write_bytes(content)
        said = goldenpath("at", "now")
        assert (said.code, "trust.json" in said.err) == (2, True)
    pin.write_bytes(kept)
