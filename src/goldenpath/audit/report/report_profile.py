"""Profiles of the report: other orders and rows for other readers, on the same evidence.

A row of a profile stands on fields of the map of the AI Act and has the worst of their statuses.
So no profile can prove more than another, and a contradiction outside of its rows is still shown.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from goldenpath.audit.report.control_map import current_map
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.proof import ORDER
from goldenpath.audit.report.report import Field, Report, inputs_digest, report
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.parsers.yaml_parser import parse_yaml

ProfileName = Literal["ai-act", "finma", "model-risk"]
PROFILES: tuple[ProfileName, ...] = get_args(ProfileName)

_SomeTexts = Annotated[tuple[str, ...], Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One row: its place, the fields that it stands on, and the source that asks for it."""

    number: str
    title: str
    of: _SomeTexts
    source: _SomeTexts


@dataclass(frozen=True, slots=True)
class ProfileMap:
    """The order and the rows of one profile."""

    name: str
    law: str
    note: str
    digest: Digest
    sections: Mapping[str, str]
    rows: tuple[ProfileRow, ...]


class _ProfileFile(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    name: str
    law: str
    note: str
    sections: dict[str, str]
    rows: tuple[ProfileRow, ...]


def parse_profile(content: bytes) -> ProfileMap:
    """Parse a profile. Raises `InvalidInput` for a row that stands twice or on no known field."""
    what = "the profile of the report"
    file = typed(parse_yaml(content, what), _ProfileFile, what)
    numbers = [each.number for each in file.rows]
    known = {each.number for each in current_map().fields}
    strange = [name for row in file.rows for name in row.of if name not in known]
    sections = [number for number in numbers if number.partition(".")[0] not in file.sections]
    if len(set(numbers)) != len(numbers) or strange or sections:
        raise InvalidInput(
            f"{what} has a number twice, no section for {sections}, or unknown fields {strange}"
        )
    return ProfileMap(file.name, file.law, file.note, Digest.of(content), file.sections, file.rows)


@cache
def profile_map(name: ProfileName) -> ProfileMap:
    """Return a profile that comes with this version; the AI Act has its own map."""
    return parse_profile((files("goldenpath.audit.report") / f"profile-{name}.yaml").read_bytes())


def profiled(bundle: EvidenceBundle, name: ProfileName) -> Report:
    """Return the report on the bundle by a profile."""
    document = report(bundle, current_map())
    return document if name == "ai-act" else rearranged(document, bundle, profile_map(name))


def rearranged(document: Report, bundle: EvidenceBundle, profile: ProfileMap) -> Report:
    """Return the report in the order of a profile."""
    fields = tuple(_merged(document, row) for row in profile.rows)
    counted = Counter(each.status for each in fields)
    return replace(
        document,
        bundle=inputs_digest(bundle, current_map().digest, profile.digest).text,
        celex="",
        law=profile.law,
        map_digest=profile.digest.text,
        counts={status: counted[status] for status in reversed(ORDER)},
        sections=profile.sections,
        fields=fields,
        profile=profile.name,
    )


def _merged(document: Report, row: ProfileRow) -> Field:
    """Return a row with everything that its fields say, each sentence once."""
    fields = [document.field(each) for each in row.of]
    return Field(
        number=row.number,
        title=row.title,
        source="M" if len({each.source for each in fields}) > 1 else fields[0].source,
        law=row.source,
        status=min((each.status for each in fields), key=ORDER.index),
        proofs=tuple(dict.fromkeys(proof for each in fields for proof in each.proofs)),
        contradictions=tuple(dict.fromkeys(m for each in fields for m in each.contradictions)),
        shown=tuple(_apart([each.shown for each in fields if each.shown])),
        facts=tuple({facts.show: facts for each in fields for facts in each.facts}.values()),
    )


def _apart(parts: list[tuple[str, ...]]) -> Iterator[str]:
    for number, lines in enumerate(dict.fromkeys(parts)):
        yield from ("",) if number else ()
        yield from lines
