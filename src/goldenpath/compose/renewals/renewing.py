"""Trains a model again with newer data: pins move on a new branch, and the usual build runs there.

Everything that can refuse is asked before anything is written. Nothing is promoted: the release
takes the same road as any other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from goldenpath.audit.events.event import Event
from goldenpath.audit.renewals.renewal_cause import renewal_cause
from goldenpath.compose.building import data_cache, make_release
from goldenpath.compose.gitops_access import platform_store, trusted
from goldenpath.compose.process_context import event_log, now, tools
from goldenpath.compose.stores import open_store
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.oci.stream import TrackProgress
from goldenpath.project.load import load_project
from goldenpath.project.pin import pinned
from goldenpath.project.spec import FILE, Project
from goldenpath.project.text import read_text
from goldenpath.promote.platform.model_limits import limit_refusal
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.commit import insert_signature, render_commit
from goldenpath.promote.repository.identity import Identity, require_listed
from goldenpath.release.attest.attach import attach_ssh
from goldenpath.release.attest.signatures.sshsig import GIT_NAMESPACE
from goldenpath.release.build import Built
from goldenpath.release.renewal import Renewal, RenewalCause, renewal_statement
from goldenpath.times import timestamp
from goldenpath.train.data.renewed_data import moved_pins
from goldenpath.train.moved_pin import MovedPin
from goldenpath.train.source.branch_commit import BranchChange, checked_out_branch
from goldenpath.train.source_state import changes_of

_MAX_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalWish:
    """What a person asks for."""

    model: str
    root: Path
    """The folder of the project."""
    until: date
    finding: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Renewed:
    """The release of a retraining, and what was signed about it."""

    built: Built
    renewal: Renewal
    person: str
    statement: str
    """Digest of the signed statement."""


def renewed(
    home: Home,
    wish: RenewalWish,
    acting: Identity,
    *,
    report: Callable[[str], None],
    watch: TrackProgress,
) -> Renewed:
    """Train a model again with the data up to a day, and sign why.

    Raises `InvalidInput` or `NotFound` before anything is written if the person may not, the
    finding does not count, the project is not as committed, or such data cannot be had. If the
    build fails, the branch is removed again.
    """
    moment, platform = now(), trusted(home).platform
    person = _allowed(acting, platform, wish, moment)
    cause = None
    if wish.finding:
        cause = renewal_cause(home, wish.finding, wish.model, platform.people)
    project = _project(wish)
    pins = moved_pins(wish.root, project.data, wish.until, data_cache(home, report))
    branch = f"renew/{wish.model}-{wish.until}"
    change = BranchChange(
        branch,
        FILE,
        _declaration(wish.root, pins).encode(),
        lambda tree, parent: _signed_commit(
            (tree, parent), _message(wish, cause), acting, person, moment=moment
        ),
    )
    report(f"making the branch {branch}")
    with checked_out_branch(wish.root, tools(), change) as commit:
        built = make_release(home, load_project(wish.root), report, watch)
        renewal = Renewal(
            wish.model, wish.until.isoformat(), commit, branch, pins, wish.reason, cause
        )
        statement = _attached(home, renewal, Digest(built.digest), acting)
    done = Renewed(built, renewal, person, statement)
    event_log(home).append(_event(done))
    return done


def _allowed(acting: Identity, platform: Platform, wish: RenewalWish, moment: datetime) -> str:
    """Return the name of the person who may do this. Raises `InvalidInput`."""
    person = require_listed(acting, platform, moment)
    if refusal := limit_refusal(person, platform.role_limits, wish.model):
        raise InvalidInput(f"{person.name} {refusal}", hint="another listed person has to act")
    today = moment.date()
    if wish.until > today:
        raise InvalidInput(
            f"{wish.until} is in the future: expected a day up to today, {today} UTC",
            hint=f"use --until {today} or an earlier day",
        )
    if not wish.finding and not wish.reason:
        raise InvalidInput(
            "it is not said why the model is trained again",
            hint="name a finding with --finding ID, or say why with --reason TEXT",
        )
    return person.name


def _project(wish: RenewalWish) -> Project:
    project = load_project(wish.root)
    if project.name != wish.model:
        raise InvalidInput(
            f"the project in {wish.root} is {project.name}: expected {wish.model}",
            hint="name the folder of the project with --project",
        )
    if project.training.given is not None:
        raise InvalidInput(
            f"{wish.model} was trained elsewhere: this project only takes the finished model",
            hint="train it where it comes from, then pin the new model with goldenpath data --pin",
        )
    changes = changes_of(wish.root, tools())
    if changes:
        more = f" and {len(changes) - _MAX_NAMED} more" if len(changes) > _MAX_NAMED else ""
        raise InvalidInput(
            f"{wish.root} has changes that are not committed: "
            f"{', '.join(changes[:_MAX_NAMED])}{more}",
            hint="commit or stash them, then run the command again",
        )
    return project


def _declaration(root: Path, pins: tuple[MovedPin, ...]) -> str:
    text = read_text(root / FILE)
    for pin in pins:
        text = pinned(text, pin.name, Digest(pin.digest), pin.path)
    return text


def _message(wish: RenewalWish, cause: RenewalCause | None) -> str:
    why = wish.reason if cause is None else cause.sentence
    trailers = [f"Renewal-Until: {wish.until}"]
    trailers += [f"Finding: {cause.finding}"] if cause is not None else []
    lines = [f"data: renew {wish.model} up to {wish.until}", "", " ".join(why.split()), ""]
    return "\n".join([*lines, *trailers])


def _signed_commit(
    place: tuple[str, str], message: str, acting: Identity, person: str, *, moment: datetime
) -> bytes:
    tree, parent = place
    content = render_commit(tree, (parent,), person, moment, message=message)
    # Signed here and not by git: the configuration of the project could name another program.
    return insert_signature(content, acting.key.sign(content, GIT_NAMESPACE))


def _attached(home: Home, renewal: Renewal, digest: Digest, acting: Identity) -> str:
    """Sign the statement and attach it where the release is; return its digest."""
    statement, moment = renewal_statement(renewal, digest), now()
    shared, own = platform_store(home), open_store(f"layout:{home.registry}")
    attached = [
        attach_ssh(store, store.resolve(digest.text), statement, acting.key, now=moment)
        for store in (shared, own)
    ]
    return attached[0].digest.text


def _event(done: Renewed) -> Event:
    renewal = done.renewal
    return Event(
        time=timestamp(now()),
        kind="release.renewed",
        actor=done.person,
        model=renewal.model,
        digest=done.built.digest,
        details={
            "until": renewal.until,
            "commit": renewal.commit,
            "branch": renewal.branch,
            "finding": renewal.cause.finding if renewal.cause is not None else "",
            "reason": renewal.reason,
            "statement": done.statement,
        },
    )
