"""A platform that gave one answer, whose log a witness holds."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from goldenpath.audit.anchors.anchors_branch import BRANCH
from goldenpath.audit.anchors.witness_writer import WitnessWriter
from goldenpath.home import Home
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.serve.record.spool_format import Answered, SpoolHeader, SpoolMark, render_frame
from tests.audit.made import Made
from tests.audit.platform import Grounds
from tests.audit.served import ANSWERED, Served, facts, serve_once
from tests.prepared import let_git_hurry

HELD = ANSWERED + timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ProvenHome:
    """A platform, and the witness of its machine."""

    served: Served
    grounds: Grounds

    def anchor(
        self, now: datetime = HELD, stamp: Callable[[bytes], bytes | None] = lambda content: None
    ) -> str:
        """One commit of the witness on the branch `anchors`."""
        home = self.served.home
        branch = Repository(str(home.gitops), home.anchors_cache, branch=BRANCH)
        platform = follow(self.grounds.repository, home.trust, now).platform
        writer = WitnessWriter(home, branch, SshKey.load(home.witness_key), stamp)
        return writer.anchor(platform, "", now)


def serve_a_home(folder: Path, *, model: bytes = b"model", score: float = 0.2) -> ProvenHome:
    """A platform that answered once and was not held yet."""
    served, grounds = serve_once(folder, model=model, score=score)
    let_git_hurry(served.home.gitops)
    return ProvenHome(served, grounds)


def seal_many(home: Home, made: Made, scores: Sequence[float], replica: str = "two") -> None:
    """One answer for each score, sealed in two segments of another server."""
    started = int(ANSWERED.timestamp()) * 1_000_000_000
    digest = made.image.digest.text
    header = SpoolHeader(1, "prod", "credit", "stable", digest, replica, ["age", "sex"], started)
    answers = [
        Answered(
            prediction_id=secrets.token_hex(16),
            sequence=number,
            started=started + number,
            duration=2_000_000,
            inference=300_000,
            status=200,
            rows=1,
            inputs=np.array([20.0 + number, 2.0], "<f4").tobytes(),
            scores=np.array([score], "<f4").tobytes(),
        )
        for number, score in enumerate(scores)
    ]
    spool = home.spool / f"prod.credit.{replica}.0001.spool"
    subjects, half = Subjects(home.keys), len(answers) // 2
    log = PredictionLog(
        home.predictions, subjects, PemSigner.load(home.log_key), lambda digest: facts()
    )
    tail = Tail(home.spool, log.resume, pytest.fail)
    content = render_frame(header) + render_frame(answers[:half]) + render_frame(answers[half:])
    spool.write_bytes(content + render_frame(SpoolMark(end=True)))
    tail.has_more = True
    while tail.has_more:
        for batch in tail.batches(1):
            log.add(batch, 0.0)
            log.seal(batch.path, ANSWERED + timedelta(seconds=6))
    subjects.close()
