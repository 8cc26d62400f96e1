"""On a sealed platform two people change settings of production together, and nobody alone."""

from pathlib import Path

import pytest
import yaml

from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.manifests.routed_services import is_service_file
from goldenpath.promote.repository.commit_message import APPROVAL_SIGNATURE
from goldenpath.promote.workspace.trust_changes import change_trust
from tests.promote.road import MODEL
from tests.promote.workspace.test_duties import Town, commit_alone, merge

Files = dict[str, bytes | None]


def service_file(town: Town) -> str:
    files = town.repository.entries(town.trusted().commit, f"envs/prod/{MODEL}")
    (path,) = [each for each in files if is_service_file(each.rpartition("/")[2])]
    return path


@pytest.fixture
def town(tmp_path: Path) -> Town:
    town = Town(tmp_path)
    town.seal()
    assert town.bring_to_prod(town.release()).commit
    return town


def with_replicas(town: Town, count: int) -> Files:
    path = service_file(town)
    value = yaml.safe_load(town.repository.read(town.trusted().commit, path) or b"")
    value["spec"]["predictor"]["minReplicas"] = count
    return {path: render_yaml(value)}


def propose(town: Town, files: Files, by: str = "platform-engineer") -> str:
    town.pass_time(minutes=1)
    done = change_trust(town.desk(by), town.trusted(), files, "prod: settings")
    assert done.commit == ""
    return done.intent.proposal


def replicas(town: Town) -> int:
    content = town.repository.read(town.trusted().commit, service_file(town))
    value = yaml.safe_load(content or b"")
    return int(value["spec"]["predictor"]["minReplicas"])


def test_two_people_change_the_number_of_servers(town: Town) -> None:
    done = town.confirm(propose(town, with_replicas(town, 3)))

    assert town.trusted().commit == done.commit
    assert replicas(town) == 3


def test_one_person_alone_is_not_followed(town: Town) -> None:
    commit_alone(town, with_replicas(town, 3))

    with pytest.raises(VerificationError, match=r"minReplicas of prod/.* needs two people"):
        town.trusted()


def test_nobody_confirms_settings_that_they_proposed(town: Town) -> None:
    proposal = propose(town, with_replicas(town, 3))

    with pytest.raises(InvalidInput, match="platform-engineer cannot confirm"):
        town.confirm(proposal, "platform-engineer")


def test_an_agreement_is_not_used_a_second_time(town: Town) -> None:
    wide = with_replicas(town, 9)
    first = town.confirm(propose(town, wide))
    town.confirm(propose(town, with_replicas(town, 3)))
    (old,) = town.repository.commits([first.commit])

    packed = old.trailer(APPROVAL_SIGNATURE)
    commit_alone(town, wide, f"Approved-By: validator\n{APPROVAL_SIGNATURE}: {packed}")

    with pytest.raises(VerificationError, match="of another change of trust"):
        town.trusted()


def test_a_proposal_of_settings_is_void_once_the_file_has_changed(town: Town) -> None:
    one, two = propose(town, with_replicas(town, 3)), propose(town, with_replicas(town, 4))
    town.confirm(one)

    with pytest.raises(InvalidInput, match="the proposal is void"):
        town.confirm(two)


def test_two_people_remove_a_deployment(town: Town) -> None:
    folder = f"envs/prod/{MODEL}"
    files: Files = dict.fromkeys(town.repository.entries(town.trusted().commit, folder))
    town.confirm(propose(town, files))

    assert town.repository.entries(town.trusted().commit, folder) == {}


def test_a_merge_brings_no_settings(town: Town) -> None:
    start, engineer = town.trusted().commit, town.people["platform-engineer"]
    side = town.repository.commit(
        start, with_replicas(town, 9), "side", engineer.name, key=engineer.key, now=town.now,
        branch="side",
    )  # fmt: skip
    town.promote(town.release(b"two"), "dev")

    merge(town, side)

    with pytest.raises(VerificationError, match=r"needs two people|compared with"):
        town.trusted()
