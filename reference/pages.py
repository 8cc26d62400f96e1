"""The text of each reference page: verbs, settings, metrics, exit codes, stored formats."""

import ast
import inspect
import itertools
import json
import re
from collections.abc import Iterator, Mapping

import click
import msgspec

from goldenpath import errors, home, instruments, settings
from goldenpath.audit.events.chain import START, link
from goldenpath.audit.events.event import Event
from goldenpath.cli.families import FAMILIES, command_of
from goldenpath.digest import Digest
from goldenpath.observe.drift.findings import DriftFinding
from goldenpath.observe.log.keeping.legal_hold import HeldRecords, HoldAct, LegalHold
from goldenpath.observe.log.records import SCHEMA
from goldenpath.observe.telemetry.exposition import metric_name
from goldenpath.promote.manifests.desired import Placement, Rollout
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.stored_formats import EVENT, FINDING, FORMATS, HOLD, PLACEMENT, RECORD

MADE = "`python -m reference` makes this page from the code, and a test compares them."
_METRIC = re.compile(
    r'^[A-Z_]+ = "([^"]+)"  # (\w+)(?:, (\S+?)| without unit)?[,:\n ]', re.MULTILINE
)


def pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    made = {f"verbs-{_slug(family)}.md": _verbs(family) for family in FAMILIES}
    return {
        **made,
        "environment.md": _environment(),
        "exit-codes.md": _exit_codes(),
        "formats.md": _formats(),
        "metrics.md": _metrics(),
    }


def _slug(family: str) -> str:
    return family.lower().replace(" ", "-")


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", MADE, *parts]) + "\n"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _verbs(family: str) -> str:
    parts = list[str]()
    for name in FAMILIES[family]:
        command = command_of(name)
        parts += _command(f"goldenpath {name}", command)
        if isinstance(command, click.Group):
            for sub, each in command.commands.items():
                parts += _command(f"goldenpath {name} {sub}", each)
    return _page(f"Verbs: {family.lower()}", *parts)


def _command(path: str, command: click.Command) -> Iterator[str]:
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    options = [
        each for each in command.params if isinstance(each, click.Option) and not each.hidden
    ]
    context = click.Context(command, info_name=path)
    use = " ".join([path, *(each.make_metavar(context) for each in arguments)])
    yield f"## {path}"
    yield f"    {use}{' [OPTIONS]' if options else ''}"
    yield inspect.cleandoc(command.help or "").replace("\f", "").replace("\b\n", "")
    if options:
        yield _table(("option", "meaning"), (_option(each, context) for each in options))


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    notes = ["required"] if option.required else []
    if option.show_default and option.default not in (None, (), False):
        notes.append(f"default: `{option.default}`")
    added = f" ({', '.join(notes)})" if notes else ""
    return f"{names}{value}", f"{option.help or ''}{added}"


def _environment() -> str:
    head = ("variable", "meaning")
    rows = ((f"`{name}`", meaning) for name, meaning in _variables())
    return _page("Environment variables", _table(head, rows), "[settings.md](../settings.md) has"
                 " the keys of `platform.toml` and the files of the home.")  # fmt: skip


def _variables() -> Iterator[tuple[str, str]]:
    for module in (home, settings):
        body = ast.parse(inspect.getsource(module)).body
        for node, after in itertools.pairwise(body):
            match node, after:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))),
                    ast.Expr(value=ast.Constant(value=str(meaning))),
                ) if name.endswith("_VARIABLE"):
                    yield value, meaning


def _exit_codes() -> str:
    kinds = (
        errors.InvalidInput, errors.NotFound, errors.VerificationError, errors.Unavailable,
        errors.Stalled,
    )  # fmt: skip
    rows = [("0", "done", "")]
    rows += [("1", "a bug in goldenpath", "report it")]
    rows += [(str(each.exit_code), f"`{each.__name__}`", each.__doc__ or "") for each in kinds]
    rows += [(str(errors.REFUSED), "the answer is no", "A closed gate, a finding or a difference.")]
    return _page("Exit codes", _table(("code", "kind", "meaning"), iter(rows)))


def _metrics() -> str:
    head = ("OpenTelemetry", "kind", "unit", "Prometheus", "meaning")
    rows = (
        (f"`{name}`", kind, unit, _prometheus(name, kind, unit), instruments.DESCRIPTIONS[name])
        for name, kind, unit in _METRIC.findall(inspect.getsource(instruments))
        if name in instruments.DESCRIPTIONS
    )
    text = "[telemetry.md](../telemetry.md) has the labels of each, and where they go."
    return _page("Metrics", _table(head, rows), text)


def _prometheus(name: str, kind: str, unit: str) -> str:
    family = metric_name(name, unit, is_gauge=kind == "gauge")
    return f"`{family}{'_total' if kind == 'counter' else ''}`"


def _formats() -> str:
    head = ("format", "where", "written", "read", "what later versions added")
    rows = (
        (each.name, each.place, str(each.version), ", ".join(map(str, each.versions)), each.changes)
        for each in FORMATS
    )
    refused = (
        "A file of a newer version is refused, with the cure: use that version of goldenpath, or go"
        " back to a backup. Formats of others, such as OCI, in-toto, CycloneDX and Parquet, have"
        " versions of their own."
    )
    return _page("Stored formats", _table(head, rows), refused, *_examples())


def _examples() -> Iterator[str]:
    made = Digest.of(b"a release")
    event = Event(
        "2026-11-30T08:30:00.000000Z", "release.built", "data-scientist", digest=made.text
    )
    line = link(START, event).decode()
    yield f"## An event\n\nOne line of {EVENT.place}:\n\n```json\n{line}\n```"
    placement = Placement(made, None, "https://git.example/credit", "0" * 40,
                          Rollout((10, 50, 100), {}, "auto"), (), None)  # fmt: skip
    yield (
        f"## A placement\n\nThe file {PLACEMENT.place}:\n\n```yaml\n"
        f"{render_placement(placement).decode().rstrip()}\n```"
    )
    finding = DriftFinding(
        id="20261130-age", stage="prod", model="credit", release=made.text, feature="age",
        kind="shift", opened_at="2026-11-30T08:30:00Z", since="2026-11-28T00:00:00Z", evidence=11.2,
        threshold=10.4, size=0.21, looks=12, rows=3000, sentence="age moved up",
    )  # fmt: skip
    yield f"## A finding\n\nA file in {FINDING.place}:\n\n{_json(finding)}"
    act = HoldAct(
        "hold", "risk-manager", "2026-11-30T08:30:00Z", "court case 17", "ssh-ed25519 …", "…"
    )
    hold = LegalHold(1, "court-case-17", HeldRecords(predictions=("0" * 32,)), (act,))
    yield f"## A legal hold\n\nA file in {HOLD.place}:\n\n{_json(hold)}"
    columns = ((f"`{field.name}`", str(field.type)) for field in SCHEMA)
    yield (
        f"## A prediction record\n\nColumns of {RECORD.place}, as version {RECORD.version} writes"
        " them; [prediction-record.md](../prediction-record.md) says what each means.\n\n"
        + _table(("column", "type"), columns)
    )


def _json(value: object) -> str:
    plain: Mapping[str, object] = msgspec.to_builtins(value)
    return f"```json\n{json.dumps(plain, indent=2, ensure_ascii=False)}\n```"
