"""The texts by people in a release, and whether each is present, approved and in date.

A missing text is never replaced with another one. A placeholder counts as a missing text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import parse_toml
from goldenpath.parsers.yaml_parser import parse_yaml, quote_yaml
from goldenpath.project.claims.placeholders import NOT_FILLED, is_template_text, placeholder_in
from goldenpath.project.statements import REQUIRED
from goldenpath.project.text import MAX_TEXT
from goldenpath.release.attest.statement import APPROVAL

Standing = Literal["DECLARED", "STALE", "MISSING", "CONTRADICTED"]

_HEADER = ("owner", "approved_by", "approved_on", "review_by")
_MAX_QUOTE = 20_000


@dataclass(frozen=True, slots=True)
class Text:
    """A text by a person, or its absence."""

    reference: str
    """The file, and its section or key: `card.md#intended-purpose`, `system.yaml#provider`."""
    standing: Standing
    body: str
    """The text, verbatim. Empty if it is missing."""
    note: str
    """The reason for its standing, with owner and dates."""
    digest: str = ""
    """Digest of the file."""


def find_text(bundle: EvidenceBundle, reference: str) -> Text:
    """Return the text that `reference` names, judged as of the time of the bundle."""
    name, _, section = reference.partition("#")
    if name.endswith("/*"):
        return _folder(bundle, reference, name.removesuffix("/*"))
    content = bundle.file(name)
    if content is None:
        return Text(reference, "MISSING", "", f"{name} is not in the release")
    header, body = _parsed(name, content, section)
    return _judged(bundle, reference, header, body, digest=Digest.of(content).text)


def declared_tier(bundle: EvidenceBundle) -> str:
    """Return the tier that the release declares; empty if no known one is declared."""
    declaration = bundle.file("goldenpath.toml")
    if declaration is None:
        return ""
    try:
        tier = parse_toml(declaration, "goldenpath.toml").get("tier")
    except InvalidInput:
        return ""
    return next((name for name in REQUIRED if name == tier), "")


def is_demanded(bundle: EvidenceBundle, reference: str) -> bool | None:
    """Whether the tier of the release demands the text. None if no known tier is declared."""
    tier = declared_tier(bundle)
    required = next((each for name, each in REQUIRED.items() if name == tier), None)
    if required is None:
        return None
    file, _, section = reference.partition("#")
    if file == "datasets/*":
        return tier != "low"
    of_file = [each for each in required if each.file.rpartition("/")[2] == file]
    return any(not each.section or _slug(each.section) == section for each in of_file)


def document(content: bytes) -> Mapping[str, object]:
    """Return a YAML document as a mapping. Anything else gives an empty one: a missing text."""
    try:
        return parse_yaml(content, "the document", limit=MAX_TEXT, number_keys=True)
    except InvalidInput:
        return {}


def _folder(bundle: EvidenceBundle, reference: str, folder: str) -> Text:
    files = bundle.files_below(folder)
    if not files:
        return Text(reference, "MISSING", "", f"nothing is in {folder}/")
    texts = []
    for name, content in files.items():
        header, body = _parsed(name, content, "")
        one = f"{folder}/{name}"
        texts.append(_judged(bundle, one, header, body, digest=Digest.of(content).text))
    order = ("CONTRADICTED", "MISSING", "STALE", "DECLARED")
    worst = min(texts, key=lambda text: order.index(text.standing))
    body = "\n\n".join(text.body for text in texts if text.body)
    notes = "; ".join(f"{text.reference}: {text.note}" for text in texts)
    return Text(reference, worst.standing, body, notes, worst.digest)


def _judged(
    bundle: EvidenceBundle, reference: str, header: Mapping[str, str], body: str, *, digest: str
) -> Text:
    owner = header.get("owner", "")
    who = f"owner: {owner or 'nobody named'}"
    if not body.strip():
        return Text(reference, "MISSING", "", f"the section is empty or absent, {who}", digest)
    if NOT_FILLED in body:
        fields = ", ".join(re.findall(rf"^\s*(\w+):.*{NOT_FILLED}", body, re.MULTILINE))
        note = f"{NOT_FILLED} ({fields})" if fields else NOT_FILLED
        return Text(reference, "MISSING", "", f"{note}, {who}", digest)
    if placeholder_in(body):
        return Text(reference, "MISSING", "", f"only a placeholder stands there, {who}", digest)
    if is_template_text(body):
        return Text(reference, "MISSING", "", f"only the text of a template, {who}", digest)
    approver, since = header.get("approved_by", ""), header.get("approved_on", "")
    if not approver or not since:
        return Text(reference, "MISSING", body, f"written and approved by nobody, {who}", digest)
    note = f"{who}, approved by {approver} on {since} ({_signature(bundle, approver)})"
    if approver == owner:
        return Text(reference, "CONTRADICTED", body, f"{note}: the approver is the owner", digest)
    today = bundle.as_of[:10]
    review = header.get("review_by", "")
    if since > today:
        return Text(reference, "CONTRADICTED", body, f"{note}: that day has not come", digest)
    if not review or review < today:
        return Text(reference, "STALE", body, f"{note}, to be reviewed by {review or '?'}", digest)
    return Text(reference, "DECLARED", body, f"{note}, to be reviewed by {review}", digest)


def _signature(bundle: EvidenceBundle, approver: str) -> str:
    """Return whether a signature shows the approval that a text names; a name there is text."""
    is_signed = any(
        each.signer == approver
        and each.kind == "person"
        and each.statement.predicate.get("decision") == "approve"
        for each in bundle.of_type(APPROVAL)
    )
    return "who signed an approval of this release" if is_signed else "no signature shows it"


def _parsed(name: str, content: bytes, section: str) -> tuple[Mapping[str, str], str]:
    if name.endswith(".md"):
        return _markdown(content, section)
    value = document(content)
    header = {key: _plain(value.get(key)) for key in _HEADER}
    rest = {key: each for key, each in value.items() if key not in _HEADER}
    section_content = rest.get(section) if section else rest
    if section_content is None or section_content in ("", [], {}):
        return header, ""
    if isinstance(section_content, str):
        return header, section_content.strip()
    return header, quote_yaml(section_content)


def _markdown(content: bytes, section: str) -> tuple[Mapping[str, str], str]:
    text = content.decode("utf-8", "replace")
    header: dict[str, str] = {}
    if text.startswith("---\n"):
        head, _, text = text[4:].partition("\n---\n")
        front_matter = document(head.encode())
        header = {key: _plain(front_matter.get(key)) for key in _HEADER}
    if not section:
        return header, text.strip()[:_MAX_QUOTE]
    kept: list[str] = []
    depth = 0
    for line in text.splitlines():
        heading = re.fullmatch(r"(#+)\s+(.*?)\s*#*", line)
        if heading and depth and len(heading[1]) <= depth:
            break
        if depth:
            kept.append(line)
        elif heading and _slug(heading[2]) == section:
            depth = len(heading[1])
    return header, "\n".join(kept).strip()[:_MAX_QUOTE]


def _slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()[:10]
    return "" if value is None else str(value)
