"""Who used a deployment lately, by the prediction log of this machine, and what that cannot say."""

from datetime import datetime

from goldenpath.audit.answers.predictions import answers_between
from goldenpath.audit.events.log_state import LogState
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.home import Home
from goldenpath.promote.acts.holding import DeploymentUse

BEYOND = (
    "callers of servers on other machines, whose prediction logs are not here",
    "answers of the last seconds, which are not sealed yet",
    "callers and batch jobs that sent nothing in that time",
)


def recent_use(
    home: Home, name: tuple[str, str], since: datetime, *, until: datetime, log: LogState
) -> DeploymentUse:
    """Return the answers of a deployment, stage and model, in a period.

    `log` is the state of the prediction log: one that is damaged or gone may hide a caller.
    """
    answers = answers_between(home, since, until)
    if answers is None:
        nobody = "whether anybody calls it: there is no prediction log on this machine"
        return DeploymentUse((), (nobody, *log.faults))
    count = sum(answers.by_release.get(name, {}).values())
    if not count:
        return DeploymentUse((), (*log.faults, *BEYOND))
    named = answers.by_process.get(name)
    processes = sorted(each or "callers that named no process" for each in named or ())
    callers = f", for {', '.join(processes)}" if processes else ""
    return DeploymentUse(
        (f"{count} answers since {show_moment(since)}{callers}",), (*log.faults, *BEYOND)
    )
