"""The finding that causes a retraining: it has to be known, open, and about the model."""

from collections.abc import Sequence

from goldenpath.audit.alarms.closing import listed
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.observe.drift.findings import ADVISORY, load
from goldenpath.release.attest.policy import Person
from goldenpath.release.renewal import RenewalCause


def renewal_cause(home: Home, name: str, model: str, people: Sequence[Person]) -> RenewalCause:
    """Return the finding as the cause of a retraining of `model`.

    Raises `NotFound` if there is no such finding. Raises `InvalidInput` if it has ended, or if
    newer data could not help: it is about another model, or about a vulnerability.
    """
    try:
        finding = load(home.findings, name)
    except NotFound as error:
        raise NotFound(
            error.message, hint=f"goldenpath findings {model} --open lists those that are open"
        ) from error
    if finding.model != model:
        raise InvalidInput(
            f"finding {name} is about {finding.model}: expected one about {model}",
            hint=f"goldenpath findings {model} --open lists them",
        )
    if finding.kind == ADVISORY:
        raise InvalidInput(
            f"finding {name} is about a vulnerable package, which newer data do not change",
            hint="update uv.lock, commit it, and run goldenpath build",
        )
    known = listed(home.findings, finding, people)
    if not known.is_open:
        ended = known.signed_by or finding.resolved_by
        raise InvalidInput(
            f"finding {name} has ended: {ended} closed it at {finding.resolved_at}",
            hint="name an open finding, or leave --finding out and say why with --reason",
        )
    return RenewalCause(
        finding.id, finding.stage, finding.kind, finding.feature, finding.release,
        finding.opened_at, finding.sentence,
    )  # fmt: skip
