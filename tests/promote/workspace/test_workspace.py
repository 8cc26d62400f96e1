"""`enact` reads, decides and publishes again, a bounded number of times."""

from pathlib import Path

import pytest

from goldenpath.promote.acts.intents import Unchanged
from goldenpath.promote.repository.address import MovedOn
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.workspace import ATTEMPTS, Outcome, enact
from tests.promote.road import Road


def test_an_act_is_decided_on_a_scene_that_is_read_anew_each_time(tmp_path: Path) -> None:
    road = Road(tmp_path)
    seen: list[str] = []

    def decide(trusted: Trusted) -> Unchanged:
        seen.append(trusted.commit)
        if len(seen) < 3:
            road.change_platform(trusted.platform)  # somebody else was faster
            raise MovedOn("main moved on")
        return Unchanged()

    done = enact(road.desk("validator"), lambda trusted: trusted, decide)

    assert done == Outcome(Unchanged())
    assert len(set(seen)) == 3
    assert seen[-1] == road.trusted().commit


def test_who_is_overtaken_for_ever_is_told_so(tmp_path: Path) -> None:
    seen: list[Trusted] = []

    def decide(trusted: Trusted) -> Unchanged:
        seen.append(trusted)
        raise MovedOn("main moved on")

    with pytest.raises(MovedOn):
        enact(Road(tmp_path).desk("validator"), lambda trusted: trusted, decide)
    assert len(seen) == ATTEMPTS
