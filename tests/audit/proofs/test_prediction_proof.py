"""Bundles about one prediction: what they prove to somebody else, and every way to cheat."""

import io
import json
import random
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.proofs import bundle_verifier
from goldenpath.audit.proofs.bundle_archive import SUMS, with_sums
from goldenpath.audit.proofs.bundle_verifier import Refused, verify
from goldenpath.audit.proofs.git_evidence import MOST_OF_CHAIN, chain_of_main
from goldenpath.cli import prove
from goldenpath.errors import NotFound, Unavailable
from goldenpath.observe.log.log_reader import records
from tests.audit.proofs.proven_home import HELD, ProvenHome, seal_many, serve_a_home
from tests.sizes import at_size

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Bundled:
    """A bundle as `goldenpath prove` wrote it, and where it came from."""

    proven: ProvenHome
    archive: bytes
    record: Mapping[str, object]

    @property
    def files(self) -> Files:
        """The files of the bundle."""
        with tarfile.open(fileobj=io.BytesIO(self.archive)) as tar:
            members = {each.name.partition("/")[2]: tar.extractfile(each) for each in tar}
            return {name: file.read() for name, file in members.items() if file is not None}


def ask(home: ProvenHome, file: Path, *options: str) -> Result:
    """`goldenpath prove` as the command line calls it."""
    words = [home.served.prediction_id, "--bundle", str(file), *options]
    return CliRunner().invoke(prove.verb, words, env=home.served.environment)


@pytest.fixture(scope="module")
def not_held(tmp_path_factory: pytest.TempPathFactory) -> tuple[ProvenHome, Result, bool]:
    """The platform before its witness signed anything, and the answer of then."""
    folder = tmp_path_factory.mktemp("proven")
    home = serve_a_home(folder)
    result = ask(home, folder / "early.tar.gz")
    return home, result, (folder / "early.tar.gz").exists()


@pytest.fixture(scope="module")
def bundled(
    not_held: tuple[ProvenHome, Result, bool], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bundled]:
    home, file = not_held[0], tmp_path_factory.mktemp("bundle") / "proof.tar.gz"
    home.anchor()
    result = ask(home, file, "--output", "json")
    if result.exception is not None:
        raise result.exception
    yield Bundled(home, file.read_bytes(), json.loads(result.stdout))


def test_what_no_witness_holds_yet_is_refused_in_plain_words(
    not_held: tuple[ProvenHome, Result, bool],
) -> None:
    _, result, is_written = not_held

    assert isinstance(result.exception, Unavailable)
    assert "no witness holds that segment yet" in result.exception.message
    assert "goldenpath up writes heads" in str(result.exception.hint)
    assert not is_written


def test_a_bundle_is_small_and_says_what_it_rests_on(bundled: Bundled) -> None:
    lines = verify(bundled.files, str(bundled.record["trust"]))

    assert len(bundled.archive) < 200_000
    assert f"everything rests on commit {bundled.record['trust']} of main: compare it" in lines
    assert f"prediction_id: {bundled.proven.served.prediction_id}" in lines
    assert "score: 0.2" in lines and "outcome: accept" in lines
    assert any("approval/v1: validator signed it" in line for line in lines)
    assert any("signed by platform-engineer, places the release" in line for line in lines)
    assert not any(line.startswith("NOT SHOWN") for line in lines)
    first = bundled.proven.grounds.repository.between(None, str(bundled.record["trust"]))[0]
    assert f"commit {bundled.record['trust']} descends from commit {first}" in lines


def test_a_commit_that_was_noted_before_is_in_the_chain(bundled: Bundled) -> None:
    files, trust = bundled.files, str(bundled.record["trust"])
    line = bundled.proven.grounds.repository.first_parents(None, trust)
    assert len(line) > 2
    for noted in line:
        assert verify(files, trust, noted)

    for other in ("0" * 40, json.loads(files["proof.json"])["anchor"]):
        with pytest.raises(Refused, match="the chain lacks"):
            verify(files, trust, other)


def test_a_long_history_is_shown_from_a_commit_that_a_witness_followed() -> None:
    line = [f"{number:040}" for number in range(1000)]

    assert chain_of_main(line[:201], ()) == (line[0], tuple(line[1:200]))
    assert chain_of_main(line, {line[5], line[850], line[900]})[0] == line[850]
    base, chain = chain_of_main(line, {line[5]})
    assert (base, len(chain)) == (line[999 - MOST_OF_CHAIN], MOST_OF_CHAIN - 1)
    assert chain_of_main(line[:1], ()) == (line[0], ())
    assert chain_of_main(line, {line[999]}) == (line[999], ())


def test_the_verifier_has_at_most_300_lines_and_needs_only_the_standard_library() -> None:
    text = Path(bundle_verifier.__file__).read_text()

    assert len(text.splitlines()) <= 300
    assert "goldenpath." not in text.replace("goldenpath.example", "")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with the standard tools that VERIFY.md names, and with nothing else."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in (
        "sh", "git", "ssh-keygen", "openssl", "sha256sum", "sed", "grep", "base64", "basenc",
        "basename", "cat", "cp", "cut", "mktemp", "tr", "wc",
    ):  # fmt: skip
        found = shutil.which(name)
        assert found is not None, f"{name} is not on this machine"
        (folder / name).symlink_to(Path(found).resolve())
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    return folder


def commands(files: Mapping[str, bytes]) -> str:
    """The commands of VERIFY.md as they are printed, in one script."""
    blocks = files["VERIFY.md"].decode().split("```sh\n")[1:]
    return "".join(block.partition("```")[0] for block in blocks)


def run_page(
    files: Mapping[str, bytes], folder: Path, tools: Path
) -> subprocess.CompletedProcess[str]:
    """The commands of VERIFY.md in a folder with the files, without network if that is possible."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    program = shutil.which("unshare")
    isolated = [program, "--map-root-user", "--net"] if program else []
    if subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode:
        isolated = []
    script = f"set -eu\n{commands(files)}"
    return subprocess.run(
        [*isolated, str(tools / "sh"), "-c", script],
        cwd=folder,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_commands_of_the_page_run_as_printed(
    bundled: Bundled, tools: Path, tmp_path: Path
) -> None:
    done = run_page(bundled.files, tmp_path / "bundle", tools)

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("everything holds") == 2


@pytest.mark.parametrize(
    "name", ["record.json", "checkpoint.json", "-approval.json", "release.json"]
)
def test_the_commands_of_the_page_find_what_was_changed(
    bundled: Bundled, tools: Path, tmp_path: Path, name: str
) -> None:
    name = next(each for each in bundled.files if each.endswith(name))
    files = {**bundled.files, name: flipped(bundled.files[name])}
    page = files["VERIFY.md"].replace(b"python3 verify.py", b"true")

    done = run_page(with_sums(_without_sums({**files, "VERIFY.md": page})), tmp_path / "b", tools)

    assert done.returncode != 0


def flipped(content: bytes) -> bytes:
    """One bit in its middle is another."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def _without_sums(files: Mapping[str, bytes]) -> Files:
    return {name: content for name, content in files.items() if name != SUMS}


def test_each_part_that_is_changed_or_dropped_is_named(bundled: Bundled) -> None:
    files = bundled.files
    for name in files:
        with pytest.raises(Refused) as changed:
            verify({**files, name: flipped(files[name])})
        with pytest.raises(Refused) as dropped:
            verify({each: content for each, content in files.items() if each != name})

        assert name in str(changed.value) or name == SUMS
        assert name in str(dropped.value)
    with pytest.raises(Refused, match=r"extra\.json differs from SHA256SUMS"):
        verify({**files, "extra.json": b"{}"})


_EVIDENCE = (
    "git/",
    "statements/",
    "record.json",
    "columns.json",
    "checkpoint.json",
    "release.json",
)


def test_each_part_is_found_although_the_sums_were_made_again(bundled: Bundled) -> None:
    files = _without_sums(bundled.files)
    needed = [name for name in files if name.startswith(_EVIDENCE)]
    assert len(needed) > 15
    for name in needed[:: at_size(5, 1)]:
        with pytest.raises(Refused) as changed:
            verify(with_sums({**files, name: flipped(files[name])}))
        rest = {each: content for each, content in files.items() if each != name}
        with pytest.raises(Refused) as dropped:
            verify(with_sums(rest))

        assert name in str(changed.value) or name.removesuffix(".sig") in str(changed.value)
        assert name in str(dropped.value)


def _edited(files: Files, **changes: object) -> Mapping[str, bytes]:
    proof = {**json.loads(files["proof.json"]), **changes}
    return with_sums({**_without_sums(files), "proof.json": json.dumps(proof).encode()})


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"prediction": "0" * 32 + "-0"}, "record.json"),
        ({"index": 0}, "record.json"),
        ({"index": 2}, "record.json"),
        ({"record_proof": []}, "record.json"),
        ({"segment_proof": ["00" * 32]}, "checkpoint.json"),
        ({"statements": []}, "proof.json"),
        ({"machine": "rollout"}, "is signed by witness"),
    ],
)
def test_a_proof_that_was_bent_is_refused(
    bundled: Bundled, changes: Mapping[str, object], part: str
) -> None:
    with pytest.raises(Refused, match=part):
        verify(_edited(bundled.files, **changes))


def test_another_commit_than_the_known_one_is_refused(bundled: Bundled) -> None:
    with pytest.raises(Refused, match="rests on commit"):
        verify(bundled.files, "a" * 40)


def test_another_score_in_the_record_is_refused(bundled: Bundled) -> None:
    files = bundled.files
    assert b",0.2," in files["record.json"]
    record = files["record.json"].replace(b",0.2,", b",0.9,")

    with pytest.raises(Refused, match=r"record\.json is not in its segment"):
        verify(with_sums({**_without_sums(files), "record.json": record}))


def test_the_same_prediction_gives_the_same_bytes(bundled: Bundled, tmp_path: Path) -> None:
    ask(bundled.proven, tmp_path / "again.tar.gz")

    assert (tmp_path / "again.tar.gz").read_bytes() == bundled.archive


def test_only_heads_of_up_to_a_time_count(bundled: Bundled, tmp_path: Path) -> None:
    early, late = (HELD + timedelta(minutes=each) for each in (-1, 1))

    refused = ask(bundled.proven, tmp_path / "a", "--at", early.isoformat())
    proven = ask(bundled.proven, tmp_path / "b", "--at", late.isoformat())

    assert isinstance(refused.exception, Unavailable) and early.isoformat() in str(
        refused.exception
    )
    assert proven.exit_code == 0 and f"{bundled.record['anchor']}" in proven.stdout


def test_an_unknown_prediction_is_not_found(bundled: Bundled, tmp_path: Path) -> None:
    words = ["f" * 32, "--bundle", str(tmp_path / "x")]

    result = CliRunner().invoke(prove.verb, words, env=bundled.proven.served.environment)

    assert isinstance(result.exception, NotFound)


def another_bundle(home: ProvenHome, folder: Path) -> Files:
    """The bundle of another prediction of the same platform, held by a later head."""
    seal_many(home.served.home, home.served.made, [0.1, 0.2])
    home.anchor(HELD + timedelta(minutes=5))
    names = [str(each["prediction_id"]) for each in records(home.served.home)]
    other = next(each for each in names if each != home.served.prediction_id)
    words = [other, "--bundle", str(folder / "other.tar.gz")]
    done = CliRunner().invoke(prove.verb, words, env=home.served.environment)
    assert done.exit_code == 0, done.exception
    return Bundled(home, (folder / "other.tar.gz").read_bytes(), {}).files


def bent(files: Files, other: Files, chance: random.Random) -> tuple[Files, tuple[str, ...]]:
    """The files with one of them flipped, dropped, swapped or replayed, and which ones it were."""
    names = sorted(each for each in files if each != SUMS)
    name, second = chance.sample(names, 2)
    content, place = files[name], chance.randrange(len(files[name]))
    match chance.choice(("flip", "drop", "swap", "replay")):
        case "flip":
            bit = bytes([content[place] ^ 1 << chance.randrange(8)])
            return {**files, name: content[:place] + bit + content[place + 1 :]}, (name,)
        case "drop":
            return {each: files[each] for each in files if each != name}, (name,)
        case "swap":
            return {**files, name: files[second], second: content}, (name, second)
        case _:
            replayed = chance.choice([n for n in names if n in other and other[n] != files[n]])
            return {**files, replayed: other[replayed]}, (replayed,)


def test_random_flips_drops_swaps_and_replays_are_named(bundled: Bundled, tmp_path: Path) -> None:
    files, other = bundled.files, another_bundle(bundled.proven, tmp_path)
    verify(files)
    chance = random.Random(16)  # noqa: S311, no secret
    for _ in range(at_size(60, 1000)):
        changed, names = bent(files, other, chance)
        if changed == files:  # two files with the same content
            continue
        with pytest.raises(Refused) as refused:
            verify(changed)
        assert any(name in str(refused.value) for name in names), (names, refused.value)
