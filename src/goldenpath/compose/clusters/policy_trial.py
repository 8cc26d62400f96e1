"""The admission policies of this platform on every known-good and known-bad manifest."""

from typing import TYPE_CHECKING

from goldenpath.compose.gitops_access import trusted
from goldenpath.compose.process_context import now
from goldenpath.home import Home
from goldenpath.oci.stores.memory import MemoryStore

if TYPE_CHECKING:
    from goldenpath.deploy.policies.case_verdicts import CaseResult


def tried_policies(home: Home) -> "tuple[CaseResult, ...]":
    """Return what becomes of each case by the policies of the newest trusted platform.

    The releases of the cases are made in memory, by keys that are thrown away.
    """
    from goldenpath.deploy.policies.case_verdicts import case_scene, judge_cases
    from goldenpath.deploy.policies.release_states import CaseKeys

    store, moment = MemoryStore(), now()
    scene = case_scene(store, trusted(home).platform, CaseKeys.make(), moment)
    return judge_cases(scene, store, moment)
