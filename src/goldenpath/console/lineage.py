"""The way of one release from its data to where it runs, each station with how well it is known."""

from collections.abc import Iterator
from dataclasses import dataclass

from goldenpath.console.chosen_rows import Answers, Record, Values, field, record_of

_UNKNOWN = "unknown"
_EVIDENCE = (
    ("metrics", "lineage.evaluation"),
    ("test-result", "lineage.tests"),
    ("bom", "lineage.parts"),
    ("scan", "lineage.scan"),
    ("attack", "lineage.attacks"),
)
"""A part of the type of a statement, and the key of its text."""


@dataclass(frozen=True, slots=True)
class Station:
    """One box of the drawing."""

    key: str
    """Of its title in the catalogue."""
    text: str
    mark: str
    """`verified`, `declared` or `unknown`, as the verb says."""
    address: str = ""


def lineage(values: Values, answers: Answers) -> tuple[tuple[Station, ...], ...]:
    """Return the stations from left to right, those of one column together."""
    inspection, release = record_of(answers, "inspect"), values["release"]
    if inspection is None:
        return ()
    referrers = field(inspection, "referrers", ())
    approvals = tuple(
        Station("lineage.approval", each.signer or _UNKNOWN, each.mark)
        for each in referrers
        if "/approval/" in each.predicate_type
    )
    columns = (
        (_source(inspection), _statement("lineage.data", "/dataset/", referrers)),
        (_statement("lineage.training", "/provenance/", referrers),),
        (Station("release", f"{release[:19]}", inspection.mark, f"/releases/{release}"),),
        tuple(_statement(key, part, referrers) for part, key in _EVIDENCE if _has(part, referrers)),
        approvals,
        tuple(_places(release, record_of(answers, "at") or ())),
    )
    return tuple(column for column in columns if column)


def _source(inspection: Record) -> Station:
    revision = inspection.annotations.get("org.opencontainers.image.revision", "")
    signed = _statement("", "/provenance/", inspection.referrers)
    return Station(
        "lineage.source", revision[:12] or _UNKNOWN, signed.mark if revision else _UNKNOWN
    )


def _has(part: str, referrers: Record) -> bool:
    return any(part in each.predicate_type for each in referrers)


def _statement(key: str, part: str, referrers: Record) -> Station:
    """Return the station that a statement shows; the one with the best mark counts."""
    known = [each for each in referrers if part in each.predicate_type]
    known.sort(key=lambda each: (each.mark != "verified", each.digest))
    if not known:
        return Station(key, _UNKNOWN, _UNKNOWN)
    return Station(key, known[0].signer or known[0].digest[:19], known[0].mark)


def _places(release: str, live: Record) -> Iterator[Station]:
    for each in live:
        for share in each.shares:
            if str(getattr(share.digest, "text", share.digest)) == release:
                observed = share.observed if share.observed is not None else share.intended
                text = f"{each.stage} {observed or 0} %"
                address = f"/deployments/{each.stage}/{each.model}"
                yield Station("lineage.place", text, each.certainty, address)
