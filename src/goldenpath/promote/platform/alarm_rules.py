"""Alarms: where they go, who answers for them, and which findings keep releases out of a stage.

These are `[[stage.alarm]]`, `[[owner]]` and `[stage.findings]`.

An alarm names releases, features and people, so each address is a matter of trust: it stands in
`platform.toml`, which only a signed commit changes. Secrets never stand there; they are files of
the machine that sends.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

import msgspec

from goldenpath.parsers.toml_text import listed, quoted
from goldenpath.promote.platform.demands import read_name
from goldenpath.promote.platform.model_limits import covers, models_line, read_models
from goldenpath.promote.platform.toml_table import Table, duration_text

KINDS = ("alertmanager", "webhook", "mail", "file")
"""The kinds of channels. Each is the key that holds the address."""
SIGNATURES = ("hmac", "ed25519")
MOST_CHANNELS = 8
"""Channels of one stage: each has a thread and an outbox."""

_ADDRESS = r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]"
_SECURE = re.compile(rf"https://({_ADDRESS})(:\d{{1,5}})?(/[^\s@?#]*)?")
_PLAIN = re.compile(rf"http://({_ADDRESS})(:\d{{1,5}})?(/[^\s@?#]*)?")
_LOCAL = re.compile(r"http://(localhost|127(\.\d+){3}|\[::1\])(:\d{1,5})?(/[^\s@?#]*)?")
_SERVER = re.compile(rf"({_ADDRESS}):\d{{1,5}}")
_LOCAL_SERVER = re.compile(r"(localhost|127(\.\d+){3}|\[::1\]):\d{1,5}")
_MAIL = re.compile(r"[A-Za-z0-9._%+=-]{1,64}@[A-Za-z0-9.-]{1,190}")
_USER = re.compile(r"[!-~]{1,200}")
_FILE = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


class AlertmanagerChannel(msgspec.Struct, frozen=True, tag="alertmanager"):
    """A Prometheus Alertmanager, by its API version 2."""

    name: str
    url: str
    """Its address, without `/api/v2/alerts`."""
    plain: bool = False
    """Whether HTTP without TLS is allowed to another machine."""


class WebhookChannel(msgspec.Struct, frozen=True, tag="webhook"):
    """A receiver of CloudEvents 1.0 over HTTP, each signed."""

    name: str
    url: str
    signature: str = "hmac"
    """`hmac` with a shared secret, or `ed25519` with a key of the machine."""
    plain: bool = False


class MailChannel(msgspec.Struct, frozen=True, tag="mail"):
    """People who get an e-mail. The server must offer STARTTLS, or TLS at once on port 465."""

    name: str
    recipients: tuple[str, ...]
    server: str
    """`HOST:PORT`."""
    sender: str
    user: str = ""
    """The name to log in with; empty: without a login."""
    plain: bool = False
    """Whether a server on another machine may be used without TLS."""


class FileChannel(msgspec.Struct, frozen=True, tag="file"):
    """Files of JSON lines in `alarms/` of the home, one for each month."""

    name: str
    file: str
    """Their name, without month and `.jsonl`."""


AlarmChannel = AlertmanagerChannel | WebhookChannel | MailChannel | FileChannel


class ModelOwner(msgspec.Struct, frozen=True):
    """Who answers for the alarms of some models."""

    name: str
    """A person, a team or an address, as people know them."""
    models: tuple[str, ...] = ()
    """Names, in which `*` stands for any letters; empty: every model."""
    runbook: str = ""
    """The address of the page that says what to do."""
    findings_within: timedelta = timedelta(0)
    """How long a finding may stay open; 0 means that no limit is set."""


FINDINGS_GATE = "findings"
"""The gate that asks for open findings. No stage has it that does not name it."""
FINDING_KINDS = (
    "shift",
    "new code",
    "missing",
    "refused",
    "pair",
    "volume",
    "refusals",
    "group",
    "unobserved",
)
SEVERITIES = ("critical", "warning")
CRITICAL_KINDS = frozenset({"unobserved", "glass", "overdue", "review"})
"""Kinds of alarms that nothing else would notice; every other kind is a warning."""
FINDINGS_OF = ("live", "release")


def severity(kind: str) -> str:
    """Return the severity of an alarm of a kind: `critical` or `warning`."""
    return "critical" if kind in CRITICAL_KINDS else "warning"


class FindingRules(msgspec.Struct, frozen=True):
    """Which open findings close the gate `findings` of a stage."""

    kinds: tuple[str, ...] = FINDING_KINDS
    severities: tuple[str, ...] = SEVERITIES
    of: tuple[str, ...] = FINDINGS_OF
    """Whose: those of the live release of the stage, and of the release that wants to enter."""
    older_than: timedelta = timedelta(0)
    """Only findings that are open for so long."""

    @property
    def blocking(self) -> tuple[str, ...]:
        """The kinds of findings that count."""
        return tuple(kind for kind in self.kinds if severity(kind) in self.severities)

    def covers(self, kind: str) -> bool:
        """Whether a finding of this kind counts. One of an unknown kind does."""
        return kind in self.blocking or kind not in FINDING_KINDS


EVERY_FINDING = FindingRules()


def read_finding_rules(table: Table, gates: Sequence[str]) -> FindingRules:
    """Read the `[stage.findings]` of a stage, if there is one. Faults are added to the table.

    `gates` are those that the stage names.
    """
    if not table.has("findings"):
        return EVERY_FINDING
    section = table.table("findings")
    rules = FindingRules(
        _some_of(section, "kinds", FINDING_KINDS),
        _some_of(section, "severities", SEVERITIES),
        _some_of(section, "of", FINDINGS_OF),
        section.duration("older-than"),
    )
    if not rules.blocking:
        section.fault("kinds", "a kind of one of the severities", ", ".join(rules.kinds))
    section.end()
    if rules != EVERY_FINDING and FINDINGS_GATE not in gates:
        table.fault("gates", f"{FINDINGS_GATE} among them, since [stage.findings] is set", "none")
    return rules


def finding_rule_lines(rules: FindingRules) -> Iterator[str]:
    """Yield the TOML lines of the rules that differ from the defaults."""
    if rules == EVERY_FINDING:
        return
    yield from ("", "[stage.findings]", f"kinds = {listed(rules.kinds)}")
    yield f"severities = {listed(rules.severities)}"
    yield f"of = {listed(rules.of)}"
    yield f"older-than = {quoted(duration_text(rules.older_than))}"


def _some_of(table: Table, key: str, known: tuple[str, ...]) -> tuple[str, ...]:
    if not table.has(key):
        return known
    values = table.texts(key)
    # An empty list would be a gate that nothing can close.
    if not values or not set(values) <= set(known):
        table.fault(key, f"some of {', '.join(known)}", ", ".join(values))
    return values


def owner_of(owners: Sequence[ModelOwner], model: str) -> ModelOwner | None:
    """Return the first owner that covers the model; None if nobody is named."""
    return next((each for each in owners if covers(each.models, model)), None)


def read_channels(tables: Sequence[Table]) -> tuple[AlarmChannel, ...]:
    """Read the `[[stage.alarm]]` of one stage. Faults are added to the tables."""
    names: set[str] = set()
    found = [_channel(each, names) for each in tables]
    channels = tuple(each for each in found if each is not None)
    if len(channels) > MOST_CHANNELS:
        tables[0].fault("name", f"at most {MOST_CHANNELS} channels in a stage", len(channels))
    return channels


def read_owner(table: Table) -> ModelOwner:
    """Read one `[[owner]]`. Faults are added to the table."""
    name = table.text("name")
    if len(name) > 200 or not name.isprintable():
        table.fault("name", "at most 200 printable characters", name)
    runbook = table.text("runbook") if table.has("runbook") else ""
    if runbook and (len(runbook) > 500 or not re.fullmatch(r"https?://[!-~]+", runbook)):
        table.fault("runbook", "an http or https address", runbook)
    models, within = read_models(table), table.duration("findings-within")
    table.end()
    return ModelOwner(name, models, runbook, within)


def channel_lines(channels: Sequence[AlarmChannel]) -> Iterator[str]:
    """Yield a TOML table for each channel of a stage."""
    for each in channels:
        yield from ("", "[[stage.alarm]]", f"name = {quoted(each.name)}")
        match each:
            case AlertmanagerChannel():
                yield f"alertmanager = {quoted(each.url)}"
            case WebhookChannel():
                yield f"webhook = {quoted(each.url)}"
                yield f"signature = {quoted(each.signature)}"
            case MailChannel():
                yield f"mail = {listed(each.recipients)}"
                yield f"server = {quoted(each.server)}"
                yield f"sender = {quoted(each.sender)}"
                if each.user:
                    yield f"user = {quoted(each.user)}"
            case FileChannel():
                yield f"file = {quoted(each.file)}"
        if not isinstance(each, FileChannel) and each.plain:
            yield "plain = true"


def owner_lines(owners: Sequence[ModelOwner]) -> Iterator[str]:
    """Yield a TOML table for each owner."""
    for each in owners:
        yield from ("", "[[owner]]", f"name = {quoted(each.name)}")
        if each.models:
            yield models_line(each.models)
        if each.runbook:
            yield f"runbook = {quoted(each.runbook)}"
        if each.findings_within:
            yield f"findings-within = {quoted(duration_text(each.findings_within))}"


def _channel(table: Table, names: set[str]) -> AlarmChannel | None:
    name = read_name(table, names)
    kinds = [kind for kind in KINDS if table.has(kind)]
    if len(kinds) != 1:
        table.fault("name", f"exactly one of {', '.join(KINDS)} beside it", ", ".join(kinds))
        return None
    channel = _READERS[kinds[0]](table, name)
    table.end()
    return channel


def _alertmanager(table: Table, name: str) -> AlarmChannel:
    plain = table.flag("plain")
    return AlertmanagerChannel(
        name, _url(table, "alertmanager", table.text("alertmanager"), plain), plain
    )


def _webhook(table: Table, name: str) -> AlarmChannel:
    plain, signature = table.flag("plain"), table.text("signature", "hmac")
    if signature not in SIGNATURES:
        table.fault("signature", " or ".join(SIGNATURES), signature)
    return WebhookChannel(
        name, _url(table, "webhook", table.text("webhook"), plain), signature, plain
    )


def _mail(table: Table, name: str) -> AlarmChannel:
    recipients, sender = table.texts("mail"), table.text("sender")
    server, plain = table.text("server"), table.flag("plain")
    user = table.text("user") if table.has("user") else ""
    if not 1 <= len(recipients) <= 50:
        table.fault("mail", "1 to 50 addresses", list(recipients))
    for key, address in (*(("mail", each) for each in recipients), ("sender", sender)):
        if address and _MAIL.fullmatch(address) is None:
            table.fault(key, "an address such as risk@bank.example", address)
    if server and (_SERVER.fullmatch(server) is None or not _is_port(server)):
        table.fault("server", "HOST:PORT", server)
    if user and _USER.fullmatch(user) is None:
        table.fault("user", "at most 200 letters without blanks", user)
    return MailChannel(name, recipients, server, sender, user, plain)


def _file(table: Table, name: str) -> AlarmChannel:
    file = table.text("file")
    if file and _FILE.fullmatch(file) is None:
        table.fault("file", "lower-case letters, digits and dashes, at most 40", file)
    return FileChannel(name, file)


_READERS: Mapping[str, Callable[[Table, str], AlarmChannel]] = {
    "alertmanager": _alertmanager,
    "webhook": _webhook,
    "mail": _mail,
    "file": _file,
}


def _url(table: Table, key: str, url: str, plain: bool) -> str:
    allowed = (_SECURE, _LOCAL, _PLAIN) if plain else (_SECURE, _LOCAL)
    if url and (not any(each.fullmatch(url) for each in allowed) or not _is_port(url)):
        table.fault(key, "an https address (http beyond this machine needs plain = true)", url)
    return url.rstrip("/")


def _is_port(address: str) -> bool:
    """Whether the port of an address is one; an address without a port passes."""
    host = address.split("://")[-1].partition("/")[0]
    digits = host.rpartition(":")[2]
    return not digits.isdecimal() or 0 < int(digits) < 65536


def is_local(server: str) -> bool:
    """Whether `HOST:PORT` is this machine, where nobody listens in between."""
    return _LOCAL_SERVER.fullmatch(server) is not None
