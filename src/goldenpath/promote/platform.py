"""`platform.toml` as values: stages and their order, trust, registry and gateway.

The file lives in the gitops repository, so trust itself has a history and changes by signed commit.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.attest.policy import Person, TrustedKey
from goldenpath.promote.expression import Expression, read_expression
from goldenpath.promote.table import Table, duration_text, read_table, refuse_faults

FILE = "platform.toml"
GATEWAY = "127.0.0.1:8080"
"""Where the gateway of one machine listens, unless told otherwise."""

URL = "https://git.example/platform/gitops.git"
"""Stands in the files for a cluster until the repository has an address of its own."""

GATES = (
    "evidence",
    "clean-source",
    "checks",
    "scan",
    "thresholds",
    "threshold-order",
    "calibration",
    "fairness",
    "robustness",
    "statements",
    "schema",
    "champion",
    "stage-before",
    "approvals",
)
"""Every gate that a stage may name, in the order in which they are judged."""

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_PREFIX = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?(/[a-z0-9]+([._-][a-z0-9]+)*)*")
_SSH_KEY = re.compile(r"[a-z0-9@.-]{4,64} [A-Za-z0-9+/]{20,2000}={0,2}")
_PEM = re.compile(
    r"-----BEGIN PUBLIC KEY-----\n(?P<body>[A-Za-z0-9+/=\n]+)-----END PUBLIC KEY-----\n?"
)


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which nothing new enters a stage; going back stays possible."""

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the road and what it demands of a release."""

    name: str
    gates: tuple[str, ...]
    approvals: int = 0
    """Distinct people that must approve, the author of the change excluded."""
    approver_roles: tuple[str, ...] = ()
    """Any approver needs one of these; empty admits every listed person."""
    soak: timedelta = timedelta(0)
    """How long a release must have been live in the stage before."""
    freezes: tuple[Freeze, ...] = ()

    def frozen(self, now: datetime) -> Freeze | None:
        """The freeze that holds at `now`, if one does."""
        return next((each for each in self.freezes if each.start <= now < each.end), None)


@dataclass(frozen=True, slots=True)
class Platform:
    """The whole file."""

    stages: tuple[Stage, ...]
    """In the order in which a release goes through them."""
    registry_prefix: str
    """What `storageUri` starts with, without scheme: host and path, then the model's name."""
    registry_store: str
    """URI of the store behind it, for `goldenpath.wire.open_store`."""
    build_keys: tuple[TrustedKey, ...]
    """Keys of machines that build and sign releases."""
    commit_keys: tuple[Person, ...]
    """SSH keys of machines that may commit canary steps and rollbacks."""
    people: tuple[Person, ...]
    gateway: str = GATEWAY
    url: str = URL
    """Where a cluster finds the gitops repository."""
    repository: str | None = None
    """Remote that releases must have been built from; None accepts any."""
    two_people: bool = False
    """Whether set-up is over, so that one person alone changes no trust."""
    expressions: tuple[Expression, ...] = ()
    """Gates that this platform wrote itself."""
    refused_licences: tuple[str, ...] = ()
    """SPDX names that no package of a release may be under."""

    def stage(self, name: str) -> Stage | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def before(self, stage: Stage) -> Stage | None:
        """The stage that a release has to pass first; None for the first stage."""
        position = self.stages.index(stage)
        return self.stages[position - 1] if position else None

    @property
    def committers(self) -> tuple[Person, ...]:
        """Everybody whose signature on a commit counts: people and machines."""
        return (*self.people, *self.commit_keys)


def parse_platform(content: bytes) -> Platform:
    """The value of `platform.toml`. Raises `InvalidInput` that lists all its faults at once."""
    table = read_table(content, FILE)
    if table.count("version", 0) != 1:
        table.faults.append("version: expected 1")
    registry = table.table("registry")
    prefix, store = registry.text("prefix"), registry.text("store")
    if prefix and _PREFIX.fullmatch(prefix) is None:
        registry.fault("prefix", "a host and a path without scheme", prefix)
    registry.end()
    stage_names, actors, keys, own = set[str](), set[str](), set[str](), set[str]()
    platform = Platform(
        stages=tuple(_stage(each, stage_names) for each in table.tables("stage")),
        registry_prefix=prefix,
        registry_store=store,
        build_keys=tuple(_build_key(each, keys) for each in table.tables("build-key")),
        commit_keys=tuple(_person(each, actors) for each in table.tables("machine")),
        people=tuple(_person(each, actors) for each in table.tables("person")),
        gateway=table.text("gateway", GATEWAY),
        url=table.text("url", URL),
        repository=table.text("repository", "") if table.has("repository") else None,
        two_people=table.flag("two-people"),
        refused_licences=table.texts("refused-licences"),
        expressions=tuple(read_expression(each, own, GATES) for each in table.tables("gate")),
    )
    table.end()
    _check_whole(platform, table)
    refuse_faults(table, FILE)
    return platform


def render_platform(platform: Platform) -> bytes:
    """The file, which parses back to the same value."""
    return "\n".join(_lines(platform)).encode()


def _name(table: Table, seen: set[str]) -> str:
    name = table.text("name")
    if name and _NAME.fullmatch(name) is None:
        table.fault("name", "lower-case letters, digits and dashes, at most 40", name)
    elif name in seen:
        table.fault("name", "a name that stands once", name)
    seen.add(name)
    return name


def _stage(table: Table, names: set[str]) -> Stage:
    stage = Stage(
        name=_name(table, names),
        gates=table.texts("gates"),
        approvals=table.count("approvals", 0),
        approver_roles=table.texts("approver-roles"),
        soak=table.duration("soak"),
        freezes=tuple(filter(None, map(_freeze, table.tables("freeze")))),
    )
    table.end()
    return stage


def _freeze(table: Table) -> Freeze | None:
    start, end, reason = table.moment("from"), table.moment("until"), table.text("reason")
    table.end()
    if start is None or end is None or end <= start:
        table.fault("until", "a time after from", end)
        return None
    return Freeze(start, end, reason)


def _person(table: Table, names: set[str]) -> Person:
    name, roles, line = _name(table, names), table.texts("roles"), table.text("ssh-key").strip()
    if line and _SSH_KEY.fullmatch(line) is None:
        table.fault("ssh-key", "type and base64 of a public SSH key, without comment", line)
    person = Person(name, roles, line, table.moment("valid-from"), table.moment("valid-until"))
    table.end()
    return person


def _build_key(table: Table, names: set[str]) -> TrustedKey:
    name, pem = _name(table, names), table.text("public-key")
    found = _PEM.fullmatch(pem)
    try:
        der = base64.b64decode(found["body"].replace("\n", ""), validate=True) if found else b""
    except binascii.Error:
        der = b""
    if pem and not der:
        table.fault("public-key", "a PEM block BEGIN PUBLIC KEY", pem)
    moments = [table.moment(key) for key in ("valid-from", "valid-until", "revoked-at")]
    table.end()
    return TrustedKey(name, der, *moments)


def _check_whole(platform: Platform, table: Table) -> None:
    if not platform.stages:
        table.faults.append("stage: expected at least one [[stage]]")
    elif not platform.stages[-1].gates:
        last = platform.stages[-1].name
        table.faults.append(f"stage {last}: expected gates, got none for the last stage")
    seen: dict[str, str] = {}
    for each in (*platform.people, *platform.commit_keys):
        # One key under two names would let one person approve twice.
        if each.ssh_key and each.ssh_key in seen:
            table.faults.append(f"{each.name}: has the same ssh-key as {seen[each.ssh_key]}")
        seen[each.ssh_key] = each.name
    _check_gates(platform, table)


def _check_gates(platform: Platform, table: Table) -> None:
    for expression in platform.expressions:
        for name in expression.stages:
            if platform.stage(name) is None:
                table.faults.append(f"gate {expression.name}: {name!r} is not a stage")
    for stage in platform.stages:
        for gate in stage.gates:
            if gate not in GATES:
                known = ", ".join(GATES)
                table.faults.append(
                    f"stage {stage.name}: {gate!r} is not a gate, expected one of {known}"
                )


def _lines(platform: Platform) -> Iterator[str]:
    yield "# Stages, trust and registry of this platform. Every change is a signed commit."
    yield "version = 1"
    yield f"gateway = {_quoted(platform.gateway)}"
    yield f"url = {_quoted(platform.url)}"
    if platform.repository is not None:
        yield f"repository = {_quoted(platform.repository)}"
    if platform.two_people:
        yield "two-people = true"
    if platform.refused_licences:
        yield f"refused-licences = {_list(platform.refused_licences)}"
    yield from ("", "[registry]", f"prefix = {_quoted(platform.registry_prefix)}")
    yield f"store = {_quoted(platform.registry_store)}"
    for stage in platform.stages:
        yield from ("", "[[stage]]", f"name = {_quoted(stage.name)}")
        yield f"gates = {_list(stage.gates)}"
        yield f"approvals = {stage.approvals}"
        yield f"approver-roles = {_list(stage.approver_roles)}"
        yield f"soak = {_quoted(duration_text(stage.soak))}"
        for freeze in stage.freezes:
            yield from ("", "[[stage.freeze]]", f"from = {freeze.start.isoformat()}")
            yield from (f"until = {freeze.end.isoformat()}", f"reason = {_quoted(freeze.reason)}")
    for gate in platform.expressions:
        yield from ("", "[[gate]]", f"name = {_quoted(gate.name)}")
        yield f"stages = {_list(gate.stages)}"
        yield f"when = {_quoted(gate.when)}"
        yield f"require = {_quoted(gate.require)}"
        if gate.cure:
            yield f"cure = {_quoted(gate.cure)}"
    yield from _trusted(platform)
    yield ""


def _trusted(platform: Platform) -> Iterator[str]:
    for key in platform.build_keys:
        yield from ("", "[[build-key]]", f"name = {_quoted(key.name)}")
        yield f'public-key = """\n{_pem(key.public_key)}"""'
        yield from _period(key.valid_from, key.valid_until, key.revoked_at)
    for kind, listed in (("machine", platform.commit_keys), ("person", platform.people)):
        for each in listed:
            yield from ("", f"[[{kind}]]", f"name = {_quoted(each.name)}")
            yield f"roles = {_list(each.roles)}"
            yield f"ssh-key = {_quoted(each.ssh_key)}"
            yield from _period(each.valid_from, each.valid_until, None)


def _period(
    start: datetime | None, end: datetime | None, revoked: datetime | None
) -> Iterator[str]:
    for key, moment in (("valid-from", start), ("valid-until", end), ("revoked-at", revoked)):
        if moment is not None:
            yield f"{key} = {moment.isoformat()}"


def _quoted(text: str) -> str:
    if any(ord(letter) < 32 or letter in '"\\\x7f' for letter in text):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text) + '"'
    return f'"{text}"'


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(_quoted(text) for text in texts) + "]"


def _pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    body = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
