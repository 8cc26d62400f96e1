"""The ledger of looks: how often data were read by evaluations that somebody signed.

A look is one signed evaluation of one release. It counts for every data set that the build read,
since a test set is a part of one of them. So the count is never too low for what was signed. What
nobody signed, such as a training on somebody's own machine, is not known.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from goldenpath.audit.registers.known_releases import known_releases
from goldenpath.audit.registers.signed_records import SignedRecords
from goldenpath.audit.test_sets.optimism import bound_of_adaptive, bound_of_fixed
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import METRICS, text_member
from goldenpath.release.evidence.training_statements import datasets_of, evaluation_of

BEYOND = (
    "evaluations that nobody signed: a project that was trained without goldenpath build",
    "the same rows in a file with another digest",
)


@dataclass(frozen=True, slots=True)
class DataLook:
    """One signed evaluation of one release."""

    release: Digest
    time: str
    """When the run began, by its builder."""
    rows: int
    """Rows on which it measured."""


@dataclass(frozen=True, slots=True)
class LookedAtData:
    """One data set, and every look at it."""

    digest: str
    names: tuple[str, ...]
    """What the projects call it."""
    looks: tuple[DataLook, ...]
    """The oldest first."""

    @property
    def rows(self) -> int:
        """The fewest rows that a look measured on."""
        return min(each.rows for each in self.looks)

    @property
    def fixed_bound(self) -> float:
        """How much the best look can flatter, if no model depended on an earlier look."""
        return bound_of_fixed(len(self.looks), self.rows)

    @property
    def adaptive_bound(self) -> float:
        """The same if each model was chosen by whether the ones before it passed."""
        return bound_of_adaptive(len(self.looks), self.rows)


@dataclass(frozen=True, slots=True)
class LookLedger:
    """Every data set that a signed evaluation read, at a moment."""

    moment: datetime
    data: tuple[LookedAtData, ...]
    """Those with the most looks first."""
    unknown: tuple[str, ...]
    """Why there may be further looks."""


def looks_at_data(
    releases: Iterable[Digest], statements: Callable[[Digest], Verified], unknown: list[str]
) -> tuple[LookedAtData, ...]:
    """Return each data set with its looks. What cannot be read is added to `unknown`."""
    looks: dict[str, dict[DataLook, None]] = {}
    names: dict[str, dict[str, None]] = {}
    for release in releases:
        try:
            verified = statements(release)
            evaluated, datasets = _looks(verified), datasets_of(verified)
        except GoldenPathError as error:
            unknown.append(f"what evaluated {release.short} cannot be read: {error.message}")
            continue
        if verified.unread:
            unknown.append(f"not every statement about {release.short} was read: {verified.unread}")
        if evaluated and not datasets:
            unknown.append(f"no signed statement names the data that {release.short} was made of")
        for dataset in datasets:
            looks.setdefault(dataset.digest, {}).update(dict.fromkeys(evaluated))
            names.setdefault(dataset.digest, {})[dataset.name] = None
    data = (
        LookedAtData(digest, tuple(names[digest]), tuple(sorted(each, key=_order)))
        for digest, each in looks.items()
        if each
    )
    return tuple(sorted(data, key=lambda each: (-len(each.looks), each.digest)))


def _order(look: DataLook) -> tuple[str, Digest]:
    return look.time, look.release


def _looks(verified: Verified) -> list[DataLook]:
    """Return a look for each run of the release that somebody signed the metrics of."""
    evaluation = evaluation_of(verified)
    if evaluation is None:
        return []
    times = {
        text_member(dict(each.statement.predicate), "started_at")
        or text_member(dict(each.statement.predicate), "startedAt")
        for each in verified.of_type(METRICS)
    }
    return [DataLook(verified.subject, time, evaluation.rows) for time in sorted(times)]


def gather_looks(records: SignedRecords, home: Home) -> LookLedger:
    """Return the ledger of every release that the platform knows."""
    known = known_releases(records, records.history(), home)
    unknown = [*BEYOND, *known.unknown]
    data = looks_at_data(known.digests, records.statements, unknown)
    return LookLedger(records.moment, data, tuple(unknown))
