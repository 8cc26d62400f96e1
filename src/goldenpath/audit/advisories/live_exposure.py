"""What is live, compared with advisories: which release falls under which advisory, and where.

The parts of a release are those of its signed bills of materials. A release whose bills cannot be
read is an exposure of its own: nobody knows what it contains.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from goldenpath.audit.advisories.severity_limits import UNREAD
from goldenpath.audit.registers.bill_of_materials import BillPart, bill_parts, parse_purl
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.parsers.advisory_severity import UNKNOWN_SCORE, band_of
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import SBOM
from goldenpath.release.evidence.advisories import Advisories, Vulnerability
from goldenpath.train.training_run import Package


@dataclass(frozen=True, slots=True)
class Exposure:
    """One advisory that affects, or may affect, one package of a release in a stage."""

    stage: str
    model: str
    release: Digest
    advisory: str
    package: str
    """Name and version, as `NAME==VERSION`."""
    score: float | None
    """The base score; None if the advisory names no severity."""
    message: str

    @property
    def id(self) -> str:
        """The name of the finding: the same for the same exposure."""
        text = "\0".join((self.stage, self.model, self.release.text, self.advisory, self.package))
        return f"advisory-{self.release.hex[:8]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @property
    def size(self) -> float:
        """The score for the time limit: the worst one if nobody names it."""
        return UNKNOWN_SCORE if self.score is None else self.score


def live_releases(history: Sequence[Intent]) -> tuple[tuple[str, str, Digest], ...]:
    """Return stage, model and release of whatever runs by the commits in force."""
    in_force = {(each.stage, each.model): each for each in history}
    live = dict[tuple[str, str, Digest], None]()
    for (stage, model), intent in sorted(in_force.items()):
        live |= {(stage, model, slot.digest): None for slot in intent.slots}
        if intent.standby:
            live[stage, model, Digest(intent.standby)] = None
    return tuple(live)


def exposures(
    advisories: Advisories,
    live: Iterable[tuple[str, str, Digest]],
    statements: Callable[[Digest], Verified],
) -> Iterator[Exposure]:
    """Yield what advisories say about the live releases. One that nobody can read is named."""
    known: dict[Digest, tuple[Package, ...] | str] = {}
    for stage, model, release in live:
        if release not in known:
            known[release] = _packages(release, statements)
        packages = known[release]
        if isinstance(packages, str):
            message = f"whether an advisory affects it cannot be found out: {packages}"
            yield Exposure(stage, model, release, UNREAD, "", None, message)
            continue
        for flaw in dict.fromkeys(advisories.about(packages)):
            yield _exposure((stage, model, release), flaw, advisories)


def _exposure(
    place: tuple[str, str, Digest], flaw: Vulnerability, advisories: Advisories
) -> Exposure:
    stage, model, release = place
    score = advisories.scores.get(flaw.advisory)
    package = f"{flaw.package}=={flaw.version}" if flaw.version else flaw.package
    severity = band_of(score) + (f", {score:.1f}" if score is not None else "")
    verb = "falls" if flaw.version else "may fall"
    message = f"{package} {verb} under {flaw.advisory} (severity {severity})"
    return Exposure(stage, model, release, flaw.advisory, package, score, message)


def _packages(
    release: Digest, statements: Callable[[Digest], Verified]
) -> tuple[Package, ...] | str:
    """Return the Python packages of a release, or why nobody knows them."""
    try:
        verified = statements(release)
        bills = verified.of_type(SBOM)
        parts = [part for signed in bills for part in bill_parts(signed.statement.predicate)]
    except GoldenPathError as error:
        return error.message
    if not bills:
        return "no bill of materials is signed by a key that counts"
    if verified.unread:
        return verified.unread
    return tuple(dict.fromkeys(filter(None, map(_package, parts))))


def _package(part: BillPart) -> Package | None:
    own = parse_purl(part.purl) if part.purl else None
    if own is not None and own.kind != "pypi":
        return None
    version = (own.version if own is not None else "") or part.version
    name = own.name if own is not None else part.name
    return Package(name, version, ()) if name else None


def require_advisories(advisories: Advisories) -> Advisories:
    """Return the advisories. Raises `InvalidInput` if none is about Python packages."""
    if not advisories.affected:
        raise InvalidInput(
            f"none of the {advisories.count} advisories is about a Python package: nothing could "
            "be compared with them"
        )
    return advisories
