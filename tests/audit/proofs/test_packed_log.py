"""Every answer about a log is the same before and after its segments were packed."""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.audit.proofs.bundle_verifier import verify
from goldenpath.cli import main
from goldenpath.observe.log.log_reader import records
from goldenpath.observe.log.segments.packed_file import PACKED
from goldenpath.times import timestamp
from tests.audit.proofs.proven_home import HELD, ProvenHome, seal_many, serve_a_home
from tests.audit.served import ANSWERED


def ask(home: ProvenHome, *words: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(main.cli, words, env=home.served.environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def answers(home: ProvenHome, bundle: Path) -> Mapping[str, object]:
    """What an auditor asks, with the files of a bundle."""
    (packed,) = {
        str(each["prediction_id"])
        for each in records(home.served.home)
        if each["replica"] == "two" and each["sequence"] == 1
    }
    time, release = timestamp(ANSWERED), home.served.made.image.digest.text
    proven = ask(home, "prove", packed, "--bundle", str(bundle))
    with tarfile.open(bundle) as tar:
        members = {each.name.partition("/")[2]: tar.extractfile(each) for each in tar}
        files = {name: file.read() for name, file in members.items() if file is not None}
    assert verify(files)
    traced = json.loads(ask(home, "trace", packed, "--output", "json"))
    del traced["check"]  # it has the time of now
    return {
        "check": ask(home, "log", "check"),
        "trace": traced,
        "at": ask(home, "at", time, "--output", "json"),
        "report": ask(home, "report", release, "--as-of", timestamp(HELD), "--format", "json"),
        "retention": ask(home, "log", "retention", "--at", timestamp(HELD), "--output", "json"),
        "prove": proven,
        "bundle": files,
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> ProvenHome:
    made = serve_a_home(tmp_path_factory.mktemp("packed"))
    seal_many(made.served.home, made.served.made, [0.1, 0.2, 0.3, 0.4])
    made.anchor()
    return made


def test_answers_and_bundles_are_the_same_after_packing(home: ProvenHome, tmp_path: Path) -> None:
    before = answers(home, tmp_path / "bundle.tar.gz")
    assert "the log holds" in str(before["check"])

    assert "segments are now in 1 file" in ask(home, "log", "compact")
    assert len([*home.served.home.predictions.rglob(f"*{PACKED}")]) == 1
    after = answers(home, tmp_path / "bundle.tar.gz")

    for name, answer in before.items():
        assert after[name] == answer, name
    assert ask(home, "log", "compact") == "nothing to pack\n"


def test_a_witness_that_starts_anew_holds_the_same_heads(home: ProvenHome) -> None:
    ask(home, "log", "compact")
    faults = ask(home, "log", "check")
    home.anchor(HELD.replace(minute=(HELD.minute + 1) % 60))

    assert ask(home, "log", "check") == faults and "the log holds" in faults
