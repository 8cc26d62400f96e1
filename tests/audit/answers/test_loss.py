"""Removing or altering one record, file or commit never improves a status, and page one names it.

One small platform gave one answer. Each record of it is damaged in turn, on the disk.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.anchors.held_heads import HeldHead, HeldHeads
from goldenpath.audit.answers.checked_logs import check_logs
from goldenpath.audit.answers.evidence_gathering import Sources, gather
from goldenpath.audit.events.chain import START, Head, link
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.report.control_map import current_map
from goldenpath.audit.report.proof import ORDER, Status
from goldenpath.audit.report.report import Report, render_markdown, report
from goldenpath.canonical import JsonValue
from goldenpath.cli import at
from goldenpath.cli import trace as trace_verb
from goldenpath.cli.log_check import check
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_check import Anchor
from goldenpath.observe.log.segment import (
    checkpoints,
    parse_checkpoint,
    render_checkpoint,
    table_of,
)
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.desired import Placement, Rollout
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.first_seen import FirstSeen
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.keys import generate_key
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL, DECISION
from tests.audit.made import LATER, PROMOTED, decision
from tests.audit.platform import Grounds
from tests.audit.served import ANSWERED, Served, serve_once
from tests.sizes import at_size

Change = Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class Damaged:
    """A platform whose records can be damaged one by one."""

    served: Served
    grounds: Grounds
    held: HeldHeads

    def sources(self) -> Sources:
        """What a verb reads, opened anew."""
        home, repository = self.served.home, self.grounds.repository
        trusted = follow(repository, home.trust, LATER)
        sighting = FirstSeen.beside(home.trust).sighting
        store = LayoutStore(home.registry)
        return Sources(store, repository, trusted, home, self.held, sighting)

    def report(self) -> Report:
        """The report, made anew."""
        return report(gather(self.sources(), self.served.made.image.digest, LATER), current_map())


def cite(folder: Path, served: Served, grounds: Grounds) -> None:
    """A decision that cites all evidence, and the commit that names the decision."""
    home, made = served.home, served.made
    store, image = LayoutStore(home.registry), made.image
    plain = Damaged(served, grounds, HeldHeads())
    known = gather(plain.sources(), image.digest, LATER).verified
    approvals: list[Digest] = [each.envelope for each in known.of_type(APPROVAL)]
    statement = decision(image)
    machines = (each.envelope.text for each in known.statements if each.kind == "machine")
    predicate: dict[str, JsonValue] = {
        **statement.predicate,
        "evidence": [*machines],
        "approvals": [each.text for each in approvals],
    }
    signed = attach_ssh(
        store, image, replace(statement, predicate=predicate), SshKey.load(folder / "manager"),
        now=PROMOTED,
    )  # fmt: skip
    placement = Placement(
        image.digest, None, "", "", Rollout((100,)), tuple(approvals), signed.digest
    )
    files = {release_path("prod", "credit"): render_placement(placement)}
    grounds.commit(files, "prod: name the decision\n", PROMOTED + timedelta(minutes=1))


def held_heads(served: Served) -> HeldHeads:
    """What a commit outside of the home holds after the platform has stopped."""
    home = served.home
    last = [parse_checkpoint(path.read_bytes(), None) for path in checkpoints(home.predictions)]
    segments = tuple(Anchor(c.stage, c.model, c.replica, c.number, c.content) for c in last)
    head = EventLog(home.events).check().head
    return HeldHeads((HeldHead("a" * 40, LATER, head, segments),))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    folder = tmp_path_factory.mktemp("damaged")
    served, grounds = serve_once(folder)
    cite(folder, served, grounds)
    yield Damaged(served, grounds, held_heads(served))


@pytest.fixture(scope="module")
def whole(platform: Damaged) -> Mapping[str, Status]:
    made = platform.report()
    assert made.lost == ()
    return {field.number: field.status for field in made.fields}


@contextmanager
def damaged_everywhere(files: tuple[Path, ...], change: Change) -> Iterator[None]:
    """Every copy of a record has another content, or is gone, for a while."""
    with ExitStack() as stack:
        for file in files:
            stack.enter_context(damaged(file, change(file.read_bytes())))
        yield


@contextmanager
def damaged(file: Path, content: bytes | None) -> Iterator[None]:
    """The file has another content, or is gone, for a while."""
    before, mode = file.read_bytes(), file.stat().st_mode
    file.chmod(0o600)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        file.write_bytes(before)
        file.chmod(mode)


def lost(content: bytes) -> None:
    """The file is gone."""


def flipped(content: bytes) -> bytes:
    """One bit in its middle is another."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def judge(platform: Damaged, whole: Mapping[str, Status], names: tuple[str, ...]) -> None:
    """Fails if a status is better than before, or if nothing names the record."""
    try:
        made = platform.report()
    except GoldenPathError as error:
        assert any(name in error.message for name in names), (error.message, names)
        return
    for field in made.fields:
        before = whole[field.number]
        assert ORDER.index(field.status) <= ORDER.index(before), (field.number, before, field)
    page = render_markdown(made).partition("## 1 ")[0]
    assert any(name in page for name in names), names


Records = list[tuple[tuple[Path, ...], tuple[str, ...]]]
"""Every record: the files that hold it, and names of which page one has to have one."""


def _logs(platform: Damaged) -> Records:
    home = platform.served.home
    files = [*home.events.glob("*.jsonl"), home.log_key.with_suffix(".pub")]
    for checkpoint in checkpoints(home.predictions):
        files += [checkpoint, table_of(checkpoint)]
    others = ("the audit log ends at event 0", "log.pub", "segment 0", "not signed by the key")
    return [((file,), (file.name, *others)) for file in files]


def _statements(platform: Damaged) -> Records:
    bundle = gather(platform.sources(), platform.served.made.image.digest, LATER)
    blobs = platform.served.home.registry / "blobs" / "sha256"
    cited = [each for each in bundle.verified.statements if not is_bare(each.statement.predicate)]
    return [((blobs / each.envelope.hex,), (each.envelope.text,)) for each in cited]


def is_bare(predicate: Mapping[str, object]) -> bool:
    """The first decision, which no commit and no decision names."""
    return predicate.get("decision") == "allow" and not predicate.get("evidence")


def _commits(platform: Damaged) -> Records:
    trusted = follow(platform.grounds.repository, platform.served.home.trust, LATER)
    ids = platform.grounds.repository.between(None, trusted.commit)
    places = (platform.served.home.gitops, platform.served.home.gitops_cache)
    records: Records = []
    for commit in ids:
        copies = [place / "objects" / commit[:2] / commit[2:] for place in places]
        files = tuple(file for file in copies if file.exists())
        records.append((files, (commit[:12], "gitops repository")))
    return records


@pytest.mark.parametrize("choose", [_logs, _statements, _commits], ids=["logs", "oci", "git"])
def test_no_lost_or_altered_file_improves_a_status(
    platform: Damaged, whole: Mapping[str, Status], choose: Callable[[Damaged], Records]
) -> None:
    records = choose(platform)
    step = at_size(max(1, len(records) // 4), 1)
    assert records and all(files for files, _ in records)
    for files, names in records[::step]:
        for change in (lost, flipped):
            with damaged_everywhere(files, change):
                judge(platform, whole, names)
    assert platform.report().lost == ()


def test_no_lost_or_altered_event_improves_a_status(
    platform: Damaged, whole: Mapping[str, Status]
) -> None:
    (file,) = platform.served.home.events.glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        rest = (lines[:number], lines[number + 1 :])
        for content in (
            b"".join((*rest[0], *rest[1])),
            b"".join((*rest[0], flipped(line), *rest[1])),
        ):
            with damaged(file, content):
                judge(
                    platform, whole, (file.name, "the audit log ends at event", "of the audit log")
                )


def test_the_loss_of_a_statement_is_found_by_each_record_that_cites_it(platform: Damaged) -> None:
    digest = platform.served.made.image.digest
    bundle = gather(platform.sources(), digest, LATER)
    assert bundle.lost == ()
    blobs = platform.served.home.registry / "blobs" / "sha256"
    decided = next(d for d in bundle.of_type(DECISION) if not is_bare(d.statement.predicate))

    with damaged(blobs / decided.envelope.hex, None):
        (found,) = gather(platform.sources(), digest, LATER).lost

    assert found.envelope == decided.envelope
    assert found.cited_by.startswith("envs/prod/credit/release.yaml in commit ")


def test_a_log_that_never_was_differs_from_one_that_is_gone(platform: Damaged) -> None:
    home = platform.served.home
    (file,) = home.events.glob("*.jsonl")

    with damaged(file, None):
        without = check_logs(home).states.events
        held = check_logs(home, platform.held).states.events
        home.run.mkdir(exist_ok=True)
        (home.run / "status.json").write_text("{}")
        ran = check_logs(home).states.events
        (home.run / "status.json").unlink()

    assert without.standing == "never begun"
    assert held.standing == ran.standing == "gone"
    assert "a" * 12 in held.faults[0] and "status.json" in ran.faults[0]


def test_at_trace_and_log_check_find_the_same_damage(platform: Damaged) -> None:
    home, runner = platform.served.home, CliRunner()
    (file,) = home.events.glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    moment = ANSWERED.isoformat()
    asked: tuple[Callable[[], Result], ...] = (
        lambda: runner.invoke(at.verb, [moment], env=platform.served.environment),
        lambda: runner.invoke(
            trace_verb.verb, [platform.served.prediction_id], env=platform.served.environment
        ),
        lambda: runner.invoke(check, [], env=platform.served.environment),
    )
    assert [ask().exit_code for ask in asked] == [0, 0, 0]

    with damaged(file, b"".join(lines[1:])):
        results = [ask() for ask in asked]

    for result in results:
        assert isinstance(result.exception, VerificationError)
        assert f"broken at {file.name}:1: gap of 1" in result.stdout, result.stdout


def test_the_digest_of_the_bundle_covers_the_states_of_the_logs(platform: Damaged) -> None:
    bundle = gather(platform.sources(), platform.served.made.image.digest, LATER)
    (file,) = platform.served.home.events.glob("*.jsonl")
    with damaged(file, flipped(file.read_bytes())):
        other = gather(platform.sources(), platform.served.made.image.digest, LATER)

    assert bundle.root != other.root


def test_a_declined_case_that_became_accepted_is_found_in_every_answer(
    platform: Damaged, tmp_path: Path
) -> None:
    """Both logs are rewritten whole: another score, a fresh log key, every hash made again."""
    home, runner = platform.served.home, CliRunner()
    saved = tmp_path / "saved"
    for name in ("predictions", "events", "keys"):
        shutil.copytree(home.root / name, saved / name)
    try:
        rewrite(home)
        alone = check_logs(home).states
        found = check_logs(home, platform.held).states
        made = platform.report()
        traced = runner.invoke(
            trace_verb.verb, [platform.served.prediction_id], env=platform.served.environment
        )
    finally:
        for name in ("predictions", "events", "keys"):
            shutil.rmtree(home.root / name)
            shutil.copytree(saved / name, home.root / name)

    assert alone.faults == (), "in itself, everything is whole"
    assert "score 0.05" in traced.stdout, "the answer was changed"
    assert "segment 0 is another" in " ".join(found.predictions.faults)
    assert made.field("10.1").status == "CONTRADICTED"
    assert "segment 0 is another" in render_markdown(made).partition("## 1 ")[0]
    assert platform.report().lost == ()


def rewrite(home: Home) -> None:
    """What somebody does who may write to the home and knows all formats."""
    for file in (home.log_key, home.log_key.with_suffix(".pub")):
        file.unlink()
    signer = generate_key(home.log_key)
    contents: dict[str, str] = {}
    for path in checkpoints(home.predictions):
        claimed = parse_checkpoint(path.read_bytes(), None)
        table = pq.read_table(table_of(path))
        place = table.schema.get_field_index("score")
        field = table.schema.field(place)
        scores = pa.array([0.05] * table.num_rows, field.type)
        changed = table.set_column(place, field, scores)
        pq.write_table(changed.replace_schema_metadata(table.schema.metadata), table_of(path))
        content = Digest.of(table_of(path).read_bytes()).text
        contents[claimed.content] = content
        path.write_bytes(render_checkpoint(replace(claimed, content=content), signer))
    (file,) = home.events.glob("*.jsonl")
    head, lines = START, list[bytes]()
    for line in file.read_bytes().splitlines():
        for before, after in contents.items():
            line = line.replace(before.encode(), after.encode())
        made = link(head, Event.from_json(json.loads(line)["event"]))
        head = Head(head.count + 1, Digest.of(made).text)
        lines.append(made)
    file.write_bytes(b"\n".join(lines) + b"\n")
