"""Callers that set fields which only the gateway may set, or give one field two values."""

from collections.abc import Callable

from goldenpath.attacks.callers.caller_scene import CALLER, CallerAttack, CallerScene, request
from goldenpath.http.callers import caller_header
from goldenpath.instruments import (
    HEADER_CALLER,
    HEADER_CANARY,
    HEADER_PREDICTION,
    HEADER_SHADOW,
    HEADER_SLOT,
    HEADER_SUBJECT,
)

_ID = "0198d0f0-0000-7000-8000-000000000000"
_OLD_SECRET = "secret-of-an-earlier-run"


def _passes(name: str, value: str) -> Callable[[CallerScene], bool]:
    """Return an attempt whose header reaches the model server through the gateway."""

    def attempt(scene: CallerScene) -> bool:
        scene.client(of_gateway=True).send(request(f"{name}: {value}"))
        return any(
            line.lower().startswith(name.lower().encode() + b":")
            for taken in scene.taken
            for line in taken.lines
        )

    return attempt


def _twice(name: str, *, of_gateway: bool = False) -> Callable[[CallerScene], bool]:
    """Return an attempt in which a field has two values."""

    def attempt(scene: CallerScene) -> bool:
        scene.client(of_gateway=of_gateway).send(request(f"{name}: one", f"{name}: two"))
        return bool(scene.taken)

    return attempt


def _takes_away(name: str) -> Callable[[CallerScene], bool]:
    """Return an attempt that makes the gateway drop a field on which servers decide."""

    def attempt(scene: CallerScene) -> bool:
        scene.client(of_gateway=True).send(request(f"{name}: one", f"Connection: {name}"))
        return bool(scene.taken)

    return attempt


def _named(guess: str, value: str = "") -> Callable[[CallerScene], bool]:
    """Return an attempt to be another caller for a model server."""

    def attempt(scene: CallerScene) -> bool:
        scene.gives_away(guess)
        header = value or caller_header(guess, "the bank's own batch").decode()
        scene.client().send(request(f"{CALLER.decode()}: {header}"))
        return any(taken.caller for taken in scene.taken)

    return attempt


ATTACKS = (
    CallerAttack("a client names another caller", "fields of the gateway",
        _passes(HEADER_CALLER, "secret root")),
    CallerAttack("a client chooses the prediction id", "fields of the gateway",
        _passes(HEADER_PREDICTION, _ID)),
    CallerAttack("a client says that it is a shadow", "fields of the gateway",
        _passes(HEADER_SHADOW, "1")),
    CallerAttack("a client says that it is the canary", "fields of the gateway",
        _passes(HEADER_CANARY, "1")),
    CallerAttack("a subject is given twice", "one value a field",
        _twice(HEADER_SUBJECT, of_gateway=True)),
    CallerAttack("a slot is given twice", "one value a field",
        _twice(HEADER_SLOT, of_gateway=True)),
    CallerAttack("two tokens are given", "one value a field", _twice("Authorization")),
    CallerAttack("two traces are given", "one value a field", _twice("traceparent")),
    CallerAttack("two prediction ids are given", "one value a field", _twice(HEADER_PREDICTION)),
    CallerAttack("a subject is only for one connection", "one value a field",
        _takes_away(HEADER_SUBJECT)),
    CallerAttack("a slot is only for one connection", "one value a field",
        _takes_away(HEADER_SLOT)),
    CallerAttack("a caller is named with an invented secret", "caller secret", _named("invented")),
    CallerAttack("a caller is named with an old secret", "caller secret", _named(_OLD_SECRET)),
)  # fmt: skip
