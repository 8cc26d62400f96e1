from goldenpath.deploy.reconcile.plan import admitted_part, plan
from goldenpath.deploy.reconcile.target import Apply, Prune, Running
from tests.deploy.contract import deployment, release

OLD = deployment(release(1))
NEW = deployment(release(2))


def running(*deployments: object) -> dict[str, Running]:
    return {"prod/credit": Running(OLD, "ready")} if deployments else {}


def test_agreement_needs_no_action() -> None:
    assert plan({"prod/credit": OLD}, running(OLD)) == ()


def test_what_is_new_or_different_is_applied_and_what_nobody_wants_is_pruned() -> None:
    assert plan({"prod/credit": NEW}, {}) == (Apply(NEW),)
    assert plan({"prod/credit": NEW}, running(OLD)) == (Apply(NEW),)
    assert plan({}, running(OLD)) == (Prune("prod/credit"),)


def test_what_is_held_is_left_as_it_runs() -> None:
    assert plan({}, running(OLD), {"prod/credit"}) == ()
    assert plan({"prod/credit": NEW}, running(OLD), {"prod/credit"}) == ()


def test_a_refused_canary_gives_its_share_back_to_the_stable_release() -> None:
    both = deployment(release(1, 90), release(2, 10))

    assert admitted_part(both, {release(2).digest}) == OLD
    assert admitted_part(both, ()) == both


def test_without_its_stable_release_a_deployment_does_not_run() -> None:
    both = deployment(release(1, 90), release(2, 10))

    assert admitted_part(both, {release(1).digest}) is None
