"""What changed between two releases, from their files and from what is said about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.artifact.inspection import files_of
from goldenpath.artifact.pack import CONTRACT
from goldenpath.attest.documents import Candidate, read_candidate
from goldenpath.attest.provenance import read_provenance
from goldenpath.attest.statement import DATASET, METRICS, PROVENANCE, SBOM, member
from goldenpath.attest.verify import gather
from goldenpath.canonical import JsonValue, parse_json
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.store import Store

Section = Literal["files", "contract", "code", "parameters", "data", "metrics", "packages"]
Facts = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; None on the side where there is none."""

    section: str
    path: str
    before: JsonValue
    after: JsonValue


def facts(store: Store, digest: Digest) -> Facts:
    """What can be compared of a release, by section.

    Statements are read here, not verified: a difference is no evidence. Sections that nobody
    stated anything about are absent.
    """
    files = files_of(store, digest)
    found: dict[str, JsonValue] = {"files": {path: d.text for path, (d, _) in files.items()}}
    if CONTRACT in files:
        found["contract"] = parse_json(files[CONTRACT][1], "contract of the release")
    for document in gather(store, digest).referrers:
        try:
            candidate = read_candidate(document)
        except InvalidInput:
            # Foreign referrers are of no concern here; `verify` names those that should hold.
            continue
        found |= _stated(candidate)
    return found


def changes(before: Facts, after: Facts) -> tuple[Change, ...]:
    """Every difference, section by section; none if the releases are alike."""
    return tuple(
        Change(section, path, old, new)
        for section in dict.fromkeys((*before, *after))
        for path, old, new in _differences(before.get(section), after.get(section), "")
    )


def _stated(candidate: Candidate) -> dict[str, JsonValue]:
    predicate = dict(candidate.predicate)
    match candidate.predicate_type:
        case kind if kind == PROVENANCE:
            origin = read_provenance(predicate)
            return {
                "code": {"repository": origin.repository, "commit": origin.commit},
                "parameters": {**dict(origin.parameters), "seed": origin.seed},
            }
        case kind if kind == DATASET:
            return {"data": _by_name(member(predicate, "datasets"), ("digest", "rows"))}
        case kind if kind == METRICS:
            return {"metrics": _by_name(member(predicate, "metrics"), ("value",))}
        case kind if kind == SBOM:
            return {"packages": _by_name(member(predicate, "components"), ("version",))}
    return {}


def _by_name(listed: JsonValue, members: tuple[str, ...]) -> JsonValue:
    found: dict[str, JsonValue] = {}
    for each in listed if isinstance(listed, list) else []:
        name, part = member(each, "name"), member(each, "slice")
        key = f"{name} [{part}]" if part else str(name)
        values = [member(each, one) for one in members]
        if any(value is not None for value in values):
            found[key] = values[0] if len(values) == 1 else dict(zip(members, values, strict=True))
    return found


def _differences(
    before: JsonValue, after: JsonValue, path: str
) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    if before == after and type(before) is type(after):
        return
    old, new = _named(before), _named(after)
    if old is None or new is None:
        yield path, before, after
        return
    for key in sorted({*old, *new}):
        below = f"{path}.{key}" if path else key
        yield from _differences(old.get(key), new.get(key), below)


def _named(value: JsonValue) -> dict[str, JsonValue] | None:
    """An object, or a list whose elements all have names, as object."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return None
    names = [member(each, "name") for each in value]
    if not value or len(set(map(str, names))) < len(names):
        return None
    return {str(n): v for n, v in zip(names, value, strict=True)} if None not in names else None
