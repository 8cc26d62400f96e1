"""Trusted keys and demands on releases as TOML, for `platform.toml` and for policy files."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldenpath.parsers.toml_text import listed, quoted
from goldenpath.promote.platform.model_limits import models_line, read_models
from goldenpath.promote.platform.toml_table import Table
from goldenpath.release.attest.policy import NO_JOB, JobIdentity, Person, TrustedKey
from goldenpath.release.attest.signatures.p256 import from_pem, to_pem
from goldenpath.release.attest.signatures.ssh_public_key import key_identity, pem_identity
from goldenpath.release.attest.statement import EVIDENCE, KINDS

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_SSH_KEY = re.compile(r"[a-z0-9@.-]{4,64} [A-Za-z0-9+/]{20,2000}={0,2}")
_URI = re.compile(r"[a-z][a-z0-9+.-]{0,20}:[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Demands:
    """What a release must show, whichever keys sign it."""

    repository: str | None = None
    """The git remote that it must have been built from; None accepts any."""
    builder: str | None = None
    """The `builder.id` that its provenance must name; None accepts any."""
    threshold: int = 1
    """How many different build keys must have signed it."""
    required: tuple[str, ...] = EVIDENCE
    """Predicate types of the statements that it needs beside the signature."""
    job: JobIdentity = NO_JOB
    """What the token of the CI job that built it must say."""


@dataclass(frozen=True, slots=True)
class StatementRules:
    """How the statements of people are judged: `[statements]` in `platform.toml`."""

    compared: bool = False
    """Whether approvers must be listed, and texts are compared with what is signed.

    Platforms of 0.1 have no such section, so what runs on them goes on.
    """
    demonstration: bool = False
    """Whether the platform shows the product only. It counts from the first commit or never."""


NO_STATEMENT_RULES = StatementRules()


def demonstration_refusal(before: StatementRules, after: StatementRules) -> str:
    """Return why a change of the rules is refused; empty if it is not.

    Otherwise a real platform would become a demonstration for as long as a gate is in the way.
    """
    if after.demonstration and not before.demonstration:
        return (
            "turns a platform into a demonstration: expected [statements] demonstration in its "
            "first commit or never"
        )
    return ""


def read_statement_rules(table: Table) -> StatementRules:
    """Read the section `statements` of a table, if there is one."""
    if not table.has("statements"):
        return NO_STATEMENT_RULES
    section = table.table("statements")
    rules = StatementRules(section.flag("compared"), section.flag("demonstration"))
    section.end()
    return rules


def statement_lines(rules: StatementRules) -> Iterator[str]:
    """Yield the TOML lines of these rules."""
    if rules == NO_STATEMENT_RULES:
        return
    yield from ("", "[statements]")
    if rules.compared:
        yield "compared = true"
    if rules.demonstration:
        yield "demonstration = true"


def read_name(table: Table, seen: set[str]) -> str:
    """Read the `name` of a table and add it to `seen`, where it must be new."""
    name = table.text("name")
    if name and _NAME.fullmatch(name) is None:
        table.fault("name", "lower-case letters, digits and dashes, at most 40", name)
    elif name in seen:
        table.fault("name", "a name that is used once", name)
    seen.add(name)
    return name


def read_person(table: Table, names: set[str]) -> Person:
    """Read a person with an SSH key and its period of validity."""
    name, roles = read_name(table, names), table.texts("roles")
    line = table.text("ssh-key").strip()
    if line and _SSH_KEY.fullmatch(line) is None:
        table.fault("ssh-key", "type and base64 of a public SSH key, without comment", line)
    start, end = _period(table)
    models = read_models(table)
    table.end()
    return Person(name, roles, line, start, end, models)


def read_build_key(table: Table, names: set[str]) -> TrustedKey:
    """Read a machine's key, its period of validity, and the time of its revocation."""
    name, pem = read_name(table, names), table.text("public-key")
    der = from_pem(pem)
    if pem and not der:
        table.fault("public-key", "a PEM block BEGIN PUBLIC KEY of an ECDSA key on P-256", pem)
    start, end = _period(table)
    key = TrustedKey(name, der, start, end, table.moment("revoked-at"))
    table.end()
    return key


def read_demands(table: Table) -> Demands:
    """Read the demands among the other keys of a table."""
    threshold = table.count("threshold", 1)
    if threshold < 1:
        table.fault("threshold", "a whole number from 1", threshold)
    required: tuple[str, ...] = EVIDENCE
    if table.has("required"):
        required = tuple(KINDS.get(each, each) for each in table.texts("required"))
    for demand in required:
        if _URI.fullmatch(demand) is None:
            known = ", ".join(KINDS)
            table.fault("required", f"a predicate type or one of {known}", demand)
    return Demands(
        repository=table.text("repository") if table.has("repository") else None,
        builder=table.text("builder") if table.has("builder") else None,
        threshold=threshold,
        required=required,
        job=_read_job(table),
    )


def _read_job(table: Table) -> JobIdentity:
    """Read the demands on the token of a CI job: `job-issuer` and so on."""
    names = [name for name, _ in NO_JOB.named() if table.has(f"job-{name}")]
    texts = {name: table.text(f"job-{name}") for name in names}
    if names and "issuer" not in names:
        # Another issuer may give a job any name.
        table.fault("job-issuer", f"the issuer whose tokens name the {names[0]}", "nothing")
    return JobIdentity(**texts)


def check_keys(
    keys: Sequence[TrustedKey],
    threshold: int,
    faults: list[str],
    admission_keys: Sequence[TrustedKey] = (),
) -> None:
    """Report a threshold that no release could reach, and a key that is listed twice.

    Engines ask for a build key and for an admission key, so one key must not be both.
    """
    seen: dict[bytes, str] = {}
    for key in (*keys, *admission_keys):
        if key.public_key and key.public_key in seen:
            faults.append(f"{key.name}: has the same public-key as {seen[key.public_key]}")
        seen.setdefault(key.public_key, key.name)
    number = len({key.public_key for key in keys})
    if threshold > max(1, number):
        faults.append(f"threshold: expected at most the {number} build keys, got {threshold}")


def check_people(
    people: Iterable[Person], faults: list[str], build_keys: Iterable[TrustedKey] = ()
) -> None:
    """Report one key under two names, which would let one person act as two.

    Keys are compared as keys: another spelling of a key is the same key.
    """
    seen = {pem_identity(each.public_key): each.name for each in build_keys if each.public_key}
    for person in people:
        if not person.ssh_key:
            continue
        key = key_identity(person.ssh_key)
        if key in seen:
            faults.append(
                f"{person.name}: has the same ssh-key as {seen[key]}: expected a key of its own, "
                "made with ssh-keygen -t ed25519"
            )
        seen.setdefault(key, person.name)


def demand_lines(demands: Demands) -> Iterator[str]:
    """Yield the TOML lines of the demands that differ from the defaults."""
    if demands.repository is not None:
        yield f"repository = {quoted(demands.repository)}"
    if demands.builder is not None:
        yield f"builder = {quoted(demands.builder)}"
    for name, text in demands.job.named():
        if text:
            yield f"job-{name} = {quoted(text)}"
    if demands.threshold != 1:
        yield f"threshold = {demands.threshold}"
    if demands.required != EVIDENCE:
        short = {kind: name for name, kind in KINDS.items()}
        yield f"required = {listed(short.get(each, each) for each in demands.required)}"


def key_lines(
    keys: Iterable[TrustedKey], admission_keys: Iterable[TrustedKey] = ()
) -> Iterator[str]:
    """Yield a TOML table for each build key, then for each admission key."""
    named = [("build-key", key) for key in keys] + [
        ("admission-key", key) for key in admission_keys
    ]
    for table, key in named:
        yield from ("", f"[[{table}]]", f"name = {quoted(key.name)}")
        yield f'public-key = """\n{to_pem(key.public_key)}"""'
        yield from _period_lines(key.valid_from, key.valid_until, key.revoked_at)


def person_lines(kind: str, people: Iterable[Person]) -> Iterator[str]:
    """Yield a TOML table for each person, or for each machine with an SSH key."""
    for person in people:
        yield from ("", f"[[{kind}]]", f"name = {quoted(person.name)}")
        yield f"roles = {listed(person.roles)}"
        yield f"ssh-key = {quoted(person.ssh_key)}"
        if person.models:
            yield models_line(person.models)
        yield from _period_lines(person.valid_from, person.valid_until, None)


def _period(table: Table) -> tuple[datetime | None, datetime | None]:
    start, end = table.moment("valid-from"), table.moment("valid-until")
    if start is not None and end is not None and end <= start:
        table.fault("valid-until", "a time after valid-from", end.isoformat())
    return start, end


def _period_lines(
    start: datetime | None, end: datetime | None, revoked: datetime | None
) -> Iterator[str]:
    for key, moment in (("valid-from", start), ("valid-until", end), ("revoked-at", revoked)):
        if moment is not None:
            yield f"{key} = {moment.isoformat()}"
