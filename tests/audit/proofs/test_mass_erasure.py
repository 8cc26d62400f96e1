"""Many people are erased: nothing about them is left in the bytes, and every proof still holds."""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from goldenpath.audit.answers.checked_logs import check_logs
from goldenpath.audit.proofs.erasure_certificate import ERASURE
from goldenpath.cli import prove
from goldenpath.compose.proofs.erasing import erased
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import find_prediction, log_public_key, verified
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.segments.stored_segments import stored_segments
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import FILE, Subjects
from goldenpath.release.attest.bundle import Bundle
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.statement import Statement
from goldenpath.serve.record.spool_format import Answered, SpoolHeader, SpoolMark, render_frame
from tests.audit.proofs.proven_home import HELD, ProvenHome, serve_a_home
from tests.audit.served import ANSWERED, facts
from tests.sizes import at_size

EVERYBODY = at_size(80, 100_000)
GONE = at_size(8, 1_000)
AT_ONCE = 5_000


def answers(names: list[str]) -> Iterator[list[Answered]]:
    """One answer about each person, in batches."""
    started = int(ANSWERED.timestamp()) * 1_000_000_000
    for first in range(0, len(names), AT_ONCE):
        yield [
            Answered(
                prediction_id=secrets.token_hex(16), sequence=first + place,
                started=started + first + place, duration=2_000_000, inference=300_000, status=200,
                rows=1, inputs=np.array([30.0, 2.0], "<f4").tobytes(),
                scores=np.array([0.2], "<f4").tobytes(), subjects=[name],
            )
            for place, name in enumerate(names[first : first + AT_ONCE])
        ]  # fmt: skip


def seal(proven: ProvenHome, names: list[str]) -> dict[str, str]:
    """Seal one answer about each person, and return the predictions by person."""
    home, digest = proven.served.home, proven.served.made.image.digest.text
    started = int(ANSWERED.timestamp()) * 1_000_000_000
    header = SpoolHeader(1, "prod", "credit", "stable", digest, "many", ["age", "sex"], started)
    batches = list(answers(names))
    frames = (render_frame(header), *map(render_frame, batches), render_frame(SpoolMark(end=True)))
    (home.spool / "prod.credit.many.0001.spool").write_bytes(b"".join(frames))
    subjects = Subjects(home.keys)
    log = PredictionLog(
        home.predictions, subjects, PemSigner.load(home.log_key), lambda digest: facts()
    )
    tail = Tail(home.spool, log.resume, pytest.fail)
    tail.has_more = True
    while tail.has_more:
        for batch in tail.batches(AT_ONCE):
            log.add(batch, 0.0)
            log.seal(batch.path, ANSWERED + timedelta(seconds=6))
    tail.forget(home.spool / "prod.credit.many.0001.spool")  # it has names, and goes once sealed
    subjects.close()
    return {
        str(each.subjects[0]): f"{each.prediction_id}-0"
        for batch in batches for each in batch if each.subjects
    }  # fmt: skip


def keys_of(home: Home, names: Iterable[str]) -> list[bytes]:
    """The random key of each person."""
    subjects = Subjects.existing(home.keys)
    places = [subjects._place(name) for name in names]
    subjects.close()
    database = sqlite3.connect(home.keys / FILE)
    found = dict(database.execute("SELECT place, key FROM subject").fetchall())
    database.close()
    return [bytes(found[place]) for place in places]


def found_in(folder: Path, patterns: Iterable[bytes]) -> set[bytes]:
    """The patterns that stand anywhere in any file below a folder."""
    whole = {each[:8]: each for each in patterns}
    starts = np.array([int.from_bytes(each, "little") for each in whole], np.uint64)
    found = set()
    for file in (each for each in folder.rglob("*") if each.is_file()):
        content = file.read_bytes()
        for shift in range(8):
            count = (len(content) - shift) // 8
            if count <= 0:
                continue
            words = np.frombuffer(content, "<u8", count, shift)
            for place in np.flatnonzero(np.isin(words, starts)):
                at = shift + int(place) * 8
                pattern = whole[content[at : at + 8]]
                found |= {pattern} if content[at : at + len(pattern)] == pattern else set()
    return found


def require_certificates(home: Home, references: set[str], names: list[bytes]) -> None:
    """Fail unless each person has a certificate that verifies, about segments that verify."""
    key = log_public_key(home)
    sound = {verified(each, key).content for each in stored_segments(home.predictions)}
    files = list(home.erasures.glob("*.json"))
    assert len(files) == len(references) == len(names)
    for file in files:
        envelope = Bundle.parse(file.read_bytes()).envelope
        statement = Statement.parse(envelope.payload)
        facts = statement.predicate
        assert is_signed(key, envelope.signed, envelope.signatures[0].value)
        assert statement.predicate_type == ERASURE
        assert statement.subjects == (Digest.of(str(facts["subject_ref"]).encode()),)
        assert (facts["records"], facts["damaged"]) == (1, [])
        segments = facts["segments"]
        assert isinstance(segments, list) and len(segments) == 1 and segments[0] in sound
        references.remove(str(facts["subject_ref"]))
        assert not any(name in envelope.payload for name in names)
    assert references == set(), "each of them was certified, once"


def test_of_many_people_some_are_erased_and_nothing_of_them_is_left(tmp_path: Path) -> None:
    proven = serve_a_home(tmp_path)
    home = proven.served.home
    names = [secrets.token_hex(10) for _ in range(EVERYBODY)]
    predictions = seal(proven, names)
    gone, kept = names[:: EVERYBODY // GONE][:GONE], names[1]
    proven.anchor(HELD)
    keys = keys_of(home, gone)
    assert found_in(home.root, keys) == set(keys), "before, each key can be read"
    assert find_prediction(home, predictions[gone[0]]).inputs is not None

    references = {erased(home, name, by="manager", reason="they asked").reference for name in gone}

    assert found_in(home.root, [*keys, *(name.encode() for name in gone)]) == set()
    for name in (gone[0], gone[-1]):
        assert find_prediction(home, predictions[name]).inputs_state == "erased"
    assert find_prediction(home, predictions[kept]).inputs is not None, "nobody else is erased"
    require_certificates(home, references, [name.encode() for name in gone])
    assert check_logs(home).states.faults == ()
    words = [predictions[gone[0]], "--bundle", str(tmp_path / "proof.tar.gz")]
    assert CliRunner().invoke(prove.verb, words, env=proven.served.environment).exit_code == 0
