"""Claims in the texts of people that a signed statement contradicts, as the report names them."""

import re
from collections.abc import Iterator, Mapping

from goldenpath.audit.report.describe import contract_of
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.known_facts import ReleaseFacts
from goldenpath.project.claims.statement_claims import CARD, claim_faults
from goldenpath.project.text import front_matter, parse_statement
from goldenpath.promote.gates.declared_limits import PROJECT
from goldenpath.promote.gates.signed_facts import facts_of

_FOLDER = "compliance/"


def claim_checks(bundle: EvidenceBundle) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each claim that nothing proves: the needs that rest on it, and a sentence."""
    documents = _documents(bundle)
    texts, values = _read(documents)
    for fault in claim_faults(texts, values, _facts(bundle, documents)):
        yield _needs(fault, texts), str(fault)


def _facts(bundle: EvidenceBundle, documents: Mapping[str, bytes]) -> ReleaseFacts | None:
    contract = contract_of(bundle)
    # Without a declaration nobody has declared a tier, so there is nothing to compare with.
    if contract is None or PROJECT not in documents:
        return None
    try:
        return facts_of(bundle.verified, contract, documents)
    except (InvalidInput, VerificationError):  # what cannot be read is a gap elsewhere
        return None


def _documents(bundle: EvidenceBundle) -> Mapping[str, bytes]:
    """Return the documents by their path in the project."""
    documents = {}
    for path, content in bundle.files.items():
        name = path.rpartition("/")[2]
        if f"/{_FOLDER}" in f"/{path}":
            documents[f"{_FOLDER}{f'/{path}'.partition(f'/{_FOLDER}')[2]}"] = content
        elif name == "card.md":
            documents[CARD] = content
        elif name == PROJECT:
            documents[PROJECT] = content
    return documents


def _read(
    documents: Mapping[str, bytes],
) -> tuple[Mapping[str, str], Mapping[str, Mapping[str, object]]]:
    """Return the texts and the YAML values that can be read; the others are gaps anyway."""
    texts: dict[str, str] = {}
    values: dict[str, Mapping[str, object]] = {}
    for name, content in documents.items():
        text = content.decode("utf-8", "replace")
        try:
            if name.endswith(".md"):
                front_matter(text, name)
                texts[name] = text
            elif name.endswith(".yaml"):
                values[name] = parse_statement(text, name)
        except InvalidInput:
            continue
    return texts, values


def _needs(fault: Fault, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names by which fields need the text: with its section or key, and without."""
    name = fault.file.removeprefix(_FOLDER)
    if fault.file == PROJECT:  # the tier against the declared point
        return ("system.yaml#annex_iii_point",)
    if fault.file in texts:
        part = _section(texts[fault.file], fault.key)
    else:
        part = re.split(r"[.\[]", fault.key)[0]
    folder = name.partition("/")[0] if "/" in name else name
    return (name, f"{name}#{part}", f"{folder}/*")


def _section(text: str, place: str) -> str:
    """Return the section of a line, as fields name it: `intended-purpose`."""
    digits = place.removeprefix("line ")
    lines = text.splitlines()[: int(digits) if digits.isdecimal() else 0]
    titles = [line[3:] for line in lines if line.startswith("## ")]
    return re.sub(r"[^a-z0-9]+", "-", titles[-1].lower()).strip("-") if titles else ""
