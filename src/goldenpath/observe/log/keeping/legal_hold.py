"""Holds: named records that are neither erased nor expire until two people lift the hold.

A hold is the file `holds/CASE.json` of the home. Who places or lifts it signs that with their SSH
key. It ends when two different keys have lifted it. A file that cannot be read ends nothing: then
nothing is erased and nothing expires.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from goldenpath.canonical import MAX_DOCUMENT, canonical_json, parse_json
from goldenpath.errors import AlreadyDone, InvalidInput, NotFound, VerificationError
from goldenpath.files import locked, write_whole
from goldenpath.home import Home
from goldenpath.parsers.typed import read_bounded, typed
from goldenpath.release.attest.signatures.ssh_public_key import is_same_key, key_identity
from goldenpath.release.attest.signatures.sshsig import STATEMENT_NAMESPACE, SshKey, verify
from goldenpath.stored_formats import HOLD

NEEDED = 2
"""How many people have to lift a hold."""
CaseName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}\Z", title="the name of a case")]


class HeldRecords(msgspec.Struct, frozen=True):
    """What a hold keeps: records, and the keys without which they cannot be read."""

    predictions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    """Pseudonyms of people whose key is kept."""
    days: tuple[str, ...] = ()
    """Days whose key is kept, as the log names them."""
    segments: tuple[str, ...] = ()
    """Checkpoints of the segments that are kept, relative to the log."""


class HoldAct(msgspec.Struct, frozen=True):
    """One signed act of a person."""

    act: Literal["hold", "lift"]
    by: str
    time: str
    reason: str
    key: str
    """The public key that signed it."""
    signature: str


class LegalHold(msgspec.Struct, frozen=True):
    """One case: what it keeps, and who placed and lifted it."""

    version: Literal[1]
    case: CaseName
    records: HeldRecords
    acts: tuple[HoldAct, ...]

    @property
    def lifts(self) -> tuple[HoldAct, ...]:
        """The acts that lift it, one for each key. Raises `VerificationError` for a forged act."""
        by_key: dict[bytes, HoldAct] = {}
        for act in self.acts:
            signer = verify(act.signature, _message(self, act), STATEMENT_NAMESPACE)
            if not is_same_key(signer, act.key):
                raise VerificationError(f"hold {self.case} has an act that its key did not sign")
            if act.act == "lift":
                by_key.setdefault(key_identity(act.key), act)
        return tuple(by_key.values())

    @property
    def is_in_force(self) -> bool:
        """Whether its records are kept."""
        return len(self.lifts) < NEEDED


@dataclass(frozen=True, slots=True)
class KeptByHolds:
    """Everything that holds in force keep, with the case that keeps it."""

    subjects: dict[str, str]
    days: dict[str, str]
    segments: dict[str, str]


def read_holds(home: Home) -> tuple[LegalHold, ...]:
    """Return all holds, those that were lifted too. Raises `InvalidInput` for a damaged file."""
    return tuple(_parsed(path) for path in sorted(home.holds.glob("*.json")))


def kept_by_holds(home: Home, known: Collection[str] = ()) -> KeptByHolds:
    """Return what holds in force keep. Raises `InvalidInput` or `VerificationError` if unknown.

    `known` are cases that are in force by another record. One that is not here is a fault.
    """
    kept = KeptByHolds({}, {}, {})
    missing = set(known)
    for hold in read_holds(home):
        if hold.is_in_force:
            missing.discard(hold.case)
            for names, into in (
                (hold.records.subjects, kept.subjects),
                (hold.records.days, kept.days),
                (hold.records.segments, kept.segments),
            ):
                into.update(dict.fromkeys(names, hold.case))
    if missing:
        raise VerificationError(
            f"hold {min(missing)} is in force by the audit log, but its file is gone or lifted",
            hint="restore the file from a backup; nothing is erased or expires until then",
        )
    return kept


@contextmanager
def holds_unchanged(home: Home, known: Collection[str] = ()) -> Iterator[KeptByHolds]:
    """Yield what is kept, while nobody places or lifts a hold. Raises like `kept_by_holds`."""
    with _locked(home):
        yield kept_by_holds(home, known)


def place_hold(
    home: Home, case: str, records: HeldRecords, key: SshKey, *, by: str, time: str, reason: str
) -> LegalHold:
    """Keep records for a new case. Raises `InvalidInput` if the case is known already."""
    with _locked(home):
        if _file(home, case).exists():
            state = "in force already" if _read(home, case).is_in_force else "lifted"
            raise InvalidInput(f"hold {case} is {state}: expected the name of a new case")
        act = HoldAct("hold", by, time, reason, key.public_line, "")
        return _written(home, LegalHold(1, case, records, ()), act, key)


def lift_hold(
    home: Home,
    case: str,
    key: SshKey,
    *,
    by: str,
    time: str,
    reason: str,
    announce: Callable[[], object],
) -> LegalHold:
    """Lift a hold as one of two people; `announce` is called before the file changes.

    Raises `NotFound`, and `AlreadyDone` for the same key.
    """
    with _locked(home):
        hold = _read(home, case)
        if not hold.is_in_force:
            raise AlreadyDone(f"hold {case} was lifted by {' and '.join(a.by for a in hold.lifts)}")
        if any(is_same_key(act.key, key.public_line) for act in hold.lifts):
            raise AlreadyDone(f"{by} has lifted hold {case} already: another person has to as well")
        announce()
        act = HoldAct("lift", by, time, reason, key.public_line, "")
        return _written(home, hold, act, key)


def _written(home: Home, hold: LegalHold, unsigned: HoldAct, key: SshKey) -> LegalHold:
    signature = key.sign(_message(hold, unsigned), STATEMENT_NAMESPACE)
    signed = msgspec.structs.replace(unsigned, signature=signature)
    made = msgspec.structs.replace(hold, acts=(*hold.acts, signed))
    write_whole(_file(home, hold.case), canonical_json(msgspec.to_builtins(made)) + b"\n")
    return made


def _message(hold: LegalHold, act: HoldAct) -> bytes:
    """Return what a person signs: the case, all that it keeps, and the act."""
    value = msgspec.to_builtins(msgspec.structs.replace(act, signature=""))
    records = msgspec.to_builtins(hold.records)
    return canonical_json({"version": 1, "case": hold.case, "records": records, **value})


def _read(home: Home, case: str) -> LegalHold:
    try:
        return _parsed(_file(home, case))
    except FileNotFoundError as error:
        raise NotFound(
            f"there is no hold of the name {case}", hint="goldenpath log retention lists them"
        ) from error


def _parsed(path: Path) -> LegalHold:
    value = parse_json(read_bounded(path, MAX_DOCUMENT), str(path))
    HOLD.refuse_newer(value.get("version") if isinstance(value, dict) else None, str(path))
    return typed(value, LegalHold, str(path))


def _file(home: Home, case: str) -> Path:
    try:
        msgspec.convert(case, CaseName)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"{case[:80]!r} is not the name of a case: expected lower-case letters, digits, dots "
            "and dashes, at most 63"
        ) from error
    return home.holds / f"{case}.json"


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    home.holds.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(home.holds / "lock"):
        yield
