"""Loads the release of a launch record: verified first, loaded after.

Signatures, statements and every byte are checked on each start. The checked bytes stay in memory
until the runtime loads them, so nothing can change in between.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import ServerLaunch, TrustedPem
from goldenpath.project.contract import parse_contract
from goldenpath.project.spec import Contract
from goldenpath.release.artifact.pack import CONTRACT, MODEL, PLATFORM_FOLDER, RUNTIME, WHEELS
from goldenpath.release.artifact.unpack import open_release
from goldenpath.release.attest.keys import key_from_pem
from goldenpath.release.attest.policy import Policy, TrustedKey
from goldenpath.release.attest.verify import verify
from goldenpath.serve.model.model import Model, OnnxModel
from goldenpath.serve.model.startup_checks import Expected, expected_of
from goldenpath.serve.model.worker import Workplace
from goldenpath.train.environment.runtime import parse_runtime


@dataclass(frozen=True, slots=True)
class ModelContent:
    """The content of a release, ready to run."""

    contract: Contract
    model: Model | Workplace
    """The folder of a code model."""
    expected: Expected
    """The answers that it must repeat before it may serve."""


def load(launch: ServerLaunch, now: datetime, stack: ExitStack) -> ModelContent:
    """Verify the release of the launch and load its model; `stack` removes the folder of code.

    Raises `VerificationError` unless everything that the launch requires holds.
    """
    digest = Digest(launch.digest)
    store = LayoutStore(Path(launch.store))
    verified = verify(store, digest, policy_of(launch), now=now)
    if not verified.holds:
        failed = [f for f in verified.findings if f.status == "fail"]
        raise VerificationError(
            f"{digest} may not start: " + "; ".join(f"{f.check}: {f.message}" for f in failed),
            hint=failed[0].cure or None,
        )
    files = open_release(store, digest, keep=_is_of_the_frame).files
    contract = parse_contract(_file(files.get(CONTRACT), CONTRACT, digest))
    if contract.name != launch.model:
        raise VerificationError(
            f"{digest} is a release of {contract.name}: expected one of {launch.model}"
        )
    if contract.python is not None:
        from goldenpath.serve.model.model_files import prepare

        runtime = parse_runtime(_file(files.get(RUNTIME), RUNTIME, digest))
        expected = expected_of(verified, runtime)
        return ModelContent(contract, stack.enter_context(prepare(launch, store, digest)), expected)
    model = OnnxModel(_file(files.get(MODEL), MODEL, digest), contract)
    return ModelContent(contract, model, expected_of(verified, None))


def _is_of_the_frame(path: str) -> bool:
    return path == MODEL or (path.startswith(PLATFORM_FOLDER) and not path.startswith(WHEELS))


def policy_of(launch: ServerLaunch) -> Policy:
    """Return the policy that the launch requires of a release."""
    return Policy(
        keys=tuple(_key(pem) for pem in launch.keys),
        required=launch.required,
        threshold=launch.threshold,
        repository=launch.repository or None,
        builder=launch.builder or None,
    )


def _key(pem: TrustedPem) -> TrustedKey:
    key = key_from_pem(pem.name, pem.pem.encode("ascii"))
    return TrustedKey(
        key.name,
        key.public_key,
        _time(pem.valid_from, pem.name),
        _time(pem.valid_until, pem.name),
        _time(pem.revoked_at, pem.name),
    )


def _time(text: str, key: str) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"key {key} has a time that is not RFC 3339: {text!r}") from error
    if time.tzinfo is None:
        raise InvalidInput(f"key {key} has a time without an offset: {text!r}")
    return time


def _file(content: bytes | None, name: str, digest: Digest) -> bytes:
    if content is None:
        raise VerificationError(f"{digest} holds no {name}")
    return content
