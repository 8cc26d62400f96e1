"""A repository of 0.1 is followed and steered in its form, and one signed commit converts it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.promote.acts.conversion import conversion
from goldenpath.promote.acts.founding import STAGES
from goldenpath.promote.manifests.deployment_files import changed_files, deployment_folder
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.workspace.scene_reader import deployment_of, files_of
from goldenpath.promote.workspace.stage_changes import roll_back, roll_out
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.promote.workspace.trust_changes import change_trust
from tests.promote.repository.by_hand import Hand
from tests.promote.road import MODEL
from tests.promote.workspace.test_duties import Town, commit_alone

FOLDER = deployment_folder("prod", MODEL)


class Before(Town):
    """A sealed platform whose production is in the form of one service, with a canary."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.one, self.two = self.release(b"one"), self.release(b"two")
        self.bring_to_prod(self.one)
        self.pass_time(minutes=1)
        commit_alone(self, self.single())
        self.bring_to_prod(self.two, steps=(10, 100))
        self.seal()

    def single(self) -> dict[str, bytes | None]:
        platform, applied = self.trusted().platform, self.applied()
        return {**changed_files(replace(self.live(), form="single"), platform, applied)}

    def applied(self) -> Mapping[str, bytes]:
        return files_of(self.repository, self.trusted().commit, FOLDER).applied

    def live(self) -> Deployment:
        found = deployment_of(self.repository, self.trusted(), "prod", MODEL)
        assert found is not None
        return found

    def conversion(self) -> dict[str, bytes | None]:
        trusted = self.trusted()
        files = self.repository.files(trusted.commit, "envs")
        return {**conversion(trusted.platform, files).files}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Before:
    return Before(tmp_path_factory.mktemp("before"))


def entries(town: Before, digest: Digest) -> int:
    history = StageHistory(town.repository)
    return len(history.entries(town.trusted(), "prod", MODEL, digest))


def test_the_form_of_one_service_is_steered_until_two_people_convert_it(before: Before) -> None:
    assert before.applied().keys() == {f"{FOLDER}/inferenceservice.yaml"}
    assert [slot.percent for slot in before.live().slots] == [90, 10]

    head = before.trusted().commit
    commit_alone(before, before.conversion())
    with pytest.raises(VerificationError, match=f"changes the form of prod/{MODEL}"):
        before.trusted()
    Hand(before.home.gitops).reset(head)

    desk = before.desk("platform-engineer")
    waiting = change_trust(desk, before.trusted(), before.conversion(), "platform: convert")
    assert waiting.commit == ""
    before.confirm(waiting.intent.proposal)

    after = before.live()
    assert after.form == "routed"
    assert [(each.digest, each.percent) for each in after.slots] == [
        (before.one, 90), (before.two, 10)
    ]  # fmt: skip
    assert entries(before, before.two) == 1  # it entered before, and not by the conversion

    before.pass_time(minutes=1)
    roll_out(before.machine(), MODEL, "prod", 100)
    before.pass_time(minutes=1)
    roll_back(before.machine(), MODEL, "prod", reason="worse")

    back = before.live()
    assert [(each.digest, each.percent) for each in back.slots] == [(before.one, 100)]
    assert back.standby is not None and back.standby.digest == before.two


def test_a_new_stage_is_refused_if_a_model_does_not_fit_it(before: Before) -> None:
    platform = before.trusted().platform
    long = replace(STAGES[0], name="acceptance-of-the-business")

    with pytest.raises(InvalidInput, match=f"{MODEL!r} has 14 characters: expected at most 10"):
        before.change(replace(platform, stages=(*platform.stages[:2], long, platform.stages[-1])))
