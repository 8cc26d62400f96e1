"""What `goldenpath registry` shows and writes to the audit log."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from goldenpath import compose
from goldenpath.audit.events.event import Event
from goldenpath.canonical import JsonValue
from goldenpath.cli.tables import TableRow, table
from goldenpath.times import timestamp

if TYPE_CHECKING:
    from goldenpath.compose.audits.registry_upkeep import RegistryUpkeep
    from goldenpath.oci.upkeep.layout_pruning import Unneeded


def registry_record(upkeep: "RegistryUpkeep", gone: "Unneeded | None") -> dict[str, object]:
    """Return the JSON form: verdicts, and what goes or has gone."""
    plan = upkeep.plan if gone is None else gone
    return {
        "registry": str(upkeep.root),
        "removed": gone is not None,
        "releases": [each.digest.text for each in plan.roots],
        "files": len(plan.files),
        "bytes": plan.size,
        "verdicts": upkeep.verdicts,
    }


def registry_page(upkeep: "RegistryUpkeep", gone: "Unneeded | None") -> str:
    """Return the page: each release with its reason, and the sum."""
    return "\n".join(_lines(upkeep, gone))


def _lines(upkeep: "RegistryUpkeep", gone: "Unneeded | None") -> Iterator[str]:
    plan = upkeep.plan if gone is None else gone
    removed = {each.digest.text for each in plan.roots}
    words = "removed" if gone is not None else "goes"
    rows = [
        TableRow(
            (
                words if each.digest in removed else "stays",
                each.digest[:19],
                " ".join(each.names),
                _reason(each.stays, each.digest in removed, each.reason),
            )
        )
        for each in upkeep.verdicts
    ]
    if rows:
        yield table(("", "release", "names", "why"), rows)
    verb = "are removed" if gone is not None else "can go"
    size = f"{plan.size / 1e6:,.1f} MB"
    yield f"{len(plan.roots)} releases and {len(plan.files)} files of {size} {verb}"
    if gone is None:
        yield "nothing was removed: add --yes to remove them; files of the last day stay"


def _reason(stays: bool, is_removed: bool, reason: str) -> str:
    return reason if stays or is_removed else f"it has changed meanwhile ({reason})"


def pruned_event(upkeep: "RegistryUpkeep", gone: "Unneeded", who: str, reason: str) -> Event:
    """Return the event that names each release that is gone, with the reason."""
    removed = {each.digest.text for each in gone.roots}
    releases: list[JsonValue] = [
        {"digest": each.digest, "names": [*each.names], "why": each.reason}
        for each in upkeep.verdicts
        if each.digest in removed
    ]
    details: dict[str, JsonValue] = {
        "releases": releases,
        "files": len(gone.files),
        "bytes": gone.size,
        "reason": reason,
    }
    return Event(timestamp(compose.now()), "registry.pruned", who, details=details)
