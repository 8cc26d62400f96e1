"""Looks at data: a look is one signed evaluation of one release. Pure functions.

A look counts for every data set that the build read, since a test set is a part of one of them. A
release that nobody can read may be one more look, and the bounds count it as one. So neither the
count nor a bound gets better by a loss.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.promote.gates.test_sets.optimism import bound_of_adaptive, bound_of_fixed
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import METRICS, text_member
from goldenpath.release.evidence.training_statements import datasets_of, evaluation_of


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
    perhaps: int = 0
    """Releases that nobody can read, each of which may be one more look."""

    @property
    def most(self) -> int:
        """The looks that are known, and those that there may be."""
        return len(self.looks) + self.perhaps

    @property
    def rows(self) -> int:
        """The fewest rows that a look measured on."""
        return min(each.rows for each in self.looks)

    @property
    def fixed_bound(self) -> float:
        """How much the best look can flatter, if no model depended on an earlier look."""
        return bound_of_fixed(self.most, self.rows)

    @property
    def adaptive_bound(self) -> float:
        """The same if each model was chosen by whether the ones before it passed."""
        return bound_of_adaptive(self.most, self.rows)


@dataclass(frozen=True, slots=True)
class LookLedger:
    """Every data set that a signed evaluation read, at a moment."""

    moment: datetime
    data: tuple[LookedAtData, ...]
    """Those with the most looks first."""
    unknown: tuple[str, ...]
    """Why there may be further looks."""

    def of(self, verified: Verified) -> tuple[LookedAtData, ...]:
        """Return the data sets of one release, by its signed statements, with its own look."""
        known = {each.digest: each for each in self.data}
        own = looks_at_data((verified.subject,), lambda _: verified, [])
        return tuple(_joined(known.get(each.digest), each) for each in own)


LookReader = Callable[[], LookLedger]
"""Reads the looks at the data of all releases that the platform knows."""


def looks_at_data(
    releases: Iterable[Digest], statements: Callable[[Digest], Verified], unknown: list[str]
) -> tuple[LookedAtData, ...]:
    """Return each data set with its looks. What cannot be read is added to `unknown`."""
    looks: dict[str, dict[DataLook, None]] = {}
    names: dict[str, dict[str, None]] = {}
    perhaps = 0
    for release in releases:
        try:
            verified = statements(release)
            evaluated, datasets = _looks(verified), datasets_of(verified)
        except GoldenPathError as error:
            unknown.append(f"what evaluated {release.short} cannot be read: {error.message}")
            perhaps += 1
            continue
        if verified.unread:
            unknown.append(f"not every statement about {release.short} was read: {verified.unread}")
        if evaluated and not datasets:
            unknown.append(f"no signed statement names the data that {release.short} was made of")
        perhaps += bool(verified.unread or (evaluated and not datasets))
        for dataset in datasets:
            looks.setdefault(dataset.digest, {}).update(dict.fromkeys(evaluated))
            names.setdefault(dataset.digest, {})[dataset.name] = None
    data = (
        LookedAtData(digest, tuple(names[digest]), tuple(sorted(each, key=_order)), perhaps)
        for digest, each in looks.items()
        if each
    )
    return tuple(sorted(data, key=lambda each: (-len(each.looks), each.digest)))


def _joined(known: LookedAtData | None, own: LookedAtData) -> LookedAtData:
    """Return all looks at one data set; a release that nothing else names adds its own."""
    if known is None:
        return own
    looks = dict.fromkeys((*known.looks, *own.looks))
    return replace(known, looks=tuple(sorted(looks, key=_order)))


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
