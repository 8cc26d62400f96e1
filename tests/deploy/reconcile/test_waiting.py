"""`goldenpath status --wait`: it waits for what time can heal, and for nothing else."""

import threading
from pathlib import Path

from goldenpath.deploy.reconcile.status import Status
from goldenpath.promote.manifests.deployment_files import service_path
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.evidence.training_statements import statements
from tests.deploy.platform import NOW, OneMachine, goldenpath
from tests.release.attest.runs import BUILDER, training_run


def is_refused(status: Status) -> bool:
    return any(each.reason == "AdmissionRefused" and each.holds for each in status.all_conditions())


def test_a_refused_release_is_waited_for_and_its_evidence_ends_the_wait(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    digest = here.release(signed=False)
    here.deploy((digest, 100))
    answers: list[tuple[int, object]] = []
    with here.up() as up:
        up.until(is_refused)
        waiting = threading.Thread(
            target=lambda: answers.append(goldenpath(here.home, "status", "--wait", "100"))
        )
        waiting.start()
        image = here.store.resolve(digest.text)
        for each in statements(training_run(), (digest,), builder=BUILDER):
            attach(here.store, image, each, here.signer, now=NOW)
        sign_image(here.store, image, "registry.example/models/credit", here.signer, now=NOW)
        waiting.join()

    assert [code for code, _ in answers] == [0]


def test_a_file_that_cannot_be_read_ends_the_wait_at_once(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    here.commit({service_path("dev", "credit"): b"kind: InferenceService\n"})
    with here.up():  # which is still starting when `status` wakes it
        # Far more than a test may take: only an early end lets it pass.
        code, shown = goldenpath(here.home, "status", "--wait", "3600")

    assert code == 7
    assert "Malformed" in str(shown)
