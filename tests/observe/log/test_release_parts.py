"""What the observer knows of releases: success is remembered, failure is not."""

from pathlib import Path

from goldenpath.observe.log.release_parts import RETRY, Releases
from goldenpath.oci.copy import copy
from goldenpath.oci.stores.memory import MemoryStore
from tests.deploy.platform import OneMachine


def test_a_release_that_could_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    digest, now, said = here.release(), [0.0], list[str]()
    store = MemoryStore()
    releases = Releases(store, said.append, lambda: now[0])

    assert releases(digest.text) is None
    copy(here.store, store, here.store.resolve(digest.text))
    assert releases(digest.text) is None  # not asked for each record
    assert len(said) == 1
    now[0] += RETRY
    facts = releases(digest.text)

    assert facts is not None and facts.contract.name == "credit"
    assert releases(digest.text) is facts
