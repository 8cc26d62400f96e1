"""The suite `registry`: wrong bytes, endless answers, endless waits, floods of statements.

The client is the real one, on a real connection. Its limits are data; the check of content is left
out by reading what arrived without it. The rules on credentials are left out by a lenient client.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from goldenpath.attacks.registries.credential_attacks import (
    CONTROLS as OF_CREDENTIALS,
)
from goldenpath.attacks.registries.credential_attacks import (
    DOWNGRADE,
    HOST,
    TOKENS,
    leaks,
    names_token_service,
    redirects,
)
from goldenpath.attacks.registries.hostile_registry import HostileAnswer, hostile_registry
from goldenpath.errors import GoldenPathError
from goldenpath.oci.descriptor import IMAGE_LAYER, Descriptor
from goldenpath.oci.store import Store
from goldenpath.oci.stores.auth import Keychain
from goldenpath.oci.stores.download import download
from goldenpath.oci.stores.transport import RetryLimits, Transport, content
from goldenpath.oci.stream import verified
from goldenpath.release.attacks.attack_scene import stage
from goldenpath.release.attacks.suite import AttackSuite, AttackTrial
from goldenpath.release.attest.verify import Reading, ReadingLimits, gather

CONTENT, SIZE, ATTEMPTS, WAIT, FLOOD = OF_CLIENT = (
    "digest of content", "size of answers", "attempts", "longest wait", "bytes of statements",
)  # fmt: skip
CONTROLS = (*OF_CLIENT, *OF_CREDENTIALS)
_MIB: Final = 2**20
_HONEST = b"the weights of a model" * 100
_LIMITS = RetryLimits(attempts=3, backoff=0.0)
_SCOPE = "repository:credit:pull"


@dataclass(frozen=True, slots=True)
class RegistryAttack:
    """What a registry does, and the control that has to refuse it."""

    name: str
    control: str
    attempt: Callable[[frozenset[str]], str]
    """Returns why it was refused without some controls; empty if it was not."""


@dataclass(frozen=True, slots=True)
class _Client:
    """Our client, and how long it waited."""

    transport: Transport
    waits: list[float]


def _client(address: str, without: frozenset[str]) -> _Client:
    waits: list[float] = []
    limits = replace(
        _LIMITS,
        attempts=40 if ATTEMPTS in without else _LIMITS.attempts,
        longest=1e12 if WAIT in without else _LIMITS.longest,
    )
    transport = Transport(address, keychain=Keychain(), limits=limits, sleep=waits.append)
    return _Client(transport, waits)


def _serves(body: Sequence[bytes], without: frozenset[str]) -> str:
    """Serve other bytes than those that the digest names."""
    descriptor = Descriptor.of(IMAGE_LAYER, _HONEST)
    with hostile_registry(HostileAnswer(body)) as (address, _):
        client = _client(address, without)
        chunks = download((client.transport,), "/v2/credit/blobs/x", _SCOPE, descriptor)
        try:
            taken = b"".join(chunks if CONTENT in without else verified(descriptor, chunks))
        except GoldenPathError as error:
            return error.message
    return "" if taken != _HONEST else "the bytes are right"


def _is_long(number: int, without: frozenset[str]) -> str:
    """Send so many MiB where a small answer is expected."""
    with hostile_registry(HostileAnswer((bytes(_MIB),) * number)) as (address, _):
        answer = _client(address, without).transport.send("GET", "/v2/", scope=_SCOPE)
        try:
            content(answer, 2**40 if SIZE in without else _MIB)
        except GoldenPathError as error:
            return error.message
    return ""


def _is_busy(status: int, without: frozenset[str]) -> str:
    """Say at every request that there is no time for it."""
    with hostile_registry(HostileAnswer(status=status)) as (address, seen):
        reason = _refusal(_client(address, without))
    return "" if len(seen) > _LIMITS.attempts else reason


def _asks_to_wait(until: str, without: frozenset[str]) -> str:
    """Ask the client to come again much later."""
    answer = HostileAnswer(status=503, headers={"Retry-After": until})
    with hostile_registry(answer) as (address, _):
        client = _client(address, without)
        reason = _refusal(client)
    return "" if max(client.waits) > _LIMITS.longest else reason


def _refusal(client: _Client) -> str:
    try:
        client.transport.send("GET", "/v2/", scope=_SCOPE)
    except GoldenPathError as error:
        return error.message
    return "the registry answered"


def _floods(fresh: Callable[[], Store], number: int, size: int, without: frozenset[str]) -> str:
    """Attach worthless statements, so that reading them takes all memory."""
    scene = stage(fresh())
    scene.publish()
    for index in range(number):
        scene.plant(b"%d" % index + bytes(size))
    limits = ReadingLimits(bytes=2**40 if FLOOD in without else _MIB)
    return gather(scene.store, scene.image.digest, reading=Reading(limits=limits)).unread


def registry_suite(fresh: Callable[[], Store]) -> AttackSuite:
    """Return the suite. A `fresh` store is empty."""
    flipped = bytes([_HONEST[0] ^ 1]) + _HONEST[1:]
    attacks = (
        RegistryAttack("a registry serves other bytes of the same size", CONTENT,
            partial(_serves, (bytes(len(_HONEST)),))),
        RegistryAttack("a registry flips one bit of a blob", CONTENT, partial(_serves, (flipped,))),
        RegistryAttack("a registry serves the beginning of a blob", CONTENT,
            partial(_serves, (_HONEST[:-1],))),
        RegistryAttack("a registry adds a byte to a blob", CONTENT,
            partial(_serves, (_HONEST, b"x"))),
        RegistryAttack("a registry serves nothing for a blob", CONTENT, partial(_serves, ())),
        RegistryAttack("a registry sends a list that is too large", SIZE, partial(_is_long, 2)),
        RegistryAttack("a registry sends a list that goes on and on", SIZE, partial(_is_long, 32)),
        RegistryAttack("a registry is always busy", ATTEMPTS, partial(_is_busy, 503)),
        RegistryAttack("a registry always wants fewer requests", ATTEMPTS, partial(_is_busy, 429)),
        RegistryAttack("a registry is always broken", ATTEMPTS, partial(_is_busy, 502)),
        RegistryAttack("a registry asks to wait eleven days", WAIT,
            partial(_asks_to_wait, "999999")),
        RegistryAttack("a registry asks to wait until 2099", WAIT,
            partial(_asks_to_wait, "Thu, 01 Jan 2099 00:00:00 GMT")),
        RegistryAttack("many large statements hide the evidence", FLOOD,
            partial(_floods, fresh, 80, 65536)),
        RegistryAttack("some huge statements hide the evidence", FLOOD,
            partial(_floods, fresh, 70, 2**19)),
        *_of_credentials(),
    )  # fmt: skip
    return AttackSuite(
        "registry", attacks, CONTROLS, lambda without: [_trial(each, without) for each in attacks]
    )


def _of_credentials() -> tuple[RegistryAttack, ...]:
    elsewhere = redirects(lambda registry: f"{registry.other}/blob")
    by_name = redirects(lambda registry: registry.other.replace("127.0.0.1", "localhost"))
    with_user = redirects(lambda registry: registry.other.replace("//", "//127.0.0.1@"))
    plain_tokens = names_token_service(lambda registry: f"{registry.other}/token")
    passed_on = names_token_service(lambda registry: f"{registry.own}/token", redirected=True)
    return (
        RegistryAttack("a registry sends the client and its password to another server", HOST,
            partial(leaks, elsewhere, HOST)),
        RegistryAttack("a registry sends the password to another name of this machine", HOST,
            partial(leaks, by_name, HOST)),
        RegistryAttack("a registry hides another server behind a user name", HOST,
            partial(leaks, with_user, HOST)),
        RegistryAttack("a registry leads from HTTPS to plain HTTP", DOWNGRADE,
            partial(leaks, elsewhere, DOWNGRADE, tls=True, any_request=True)),
        RegistryAttack("a registry with HTTPS names a token service without it", DOWNGRADE,
            partial(leaks, plain_tokens, DOWNGRADE, tls=True)),
        RegistryAttack("a token service sends the password on", TOKENS,
            partial(leaks, passed_on, TOKENS)),
    )  # fmt: skip


def _trial(attack: RegistryAttack, without: frozenset[str]) -> AttackTrial:
    reason = attack.attempt(without)
    return AttackTrial(not reason, {attack.control: reason} if reason else {})
