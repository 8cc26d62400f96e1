"""Loads the release of a launch record: verified first, loaded after.

Signatures, statements and every byte are checked on each start. The checked bytes stay in memory
until the runtime loads them, so nothing can change in between.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.oci.store import Store
from goldenpath.processes.cgroup import UNLIMITED, CgroupLimits
from goldenpath.processes.launch import ServerConfiguration
from goldenpath.project.contract import parse_contract
from goldenpath.project.spec import Contract
from goldenpath.release.artifact.layers import MODELS
from goldenpath.release.artifact.pack import CONTRACT, MODEL, PLATFORM_FOLDER, RUNTIME, WHEELS
from goldenpath.release.artifact.source_store import open_source
from goldenpath.release.artifact.unpack import open_release, read_image
from goldenpath.release.attest.launch_trust import policy_of, seen_of
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.verify import verify
from goldenpath.serve.model.model import Model, OnnxModel
from goldenpath.serve.model.startup_checks import Expected, expected_of
from goldenpath.serve.model.worker import Workplace
from goldenpath.train.environment.runtime import parse_runtime

MOST_SHARED_BYTES = 16 * 1024 * 1024
"""Size of the largest release that shares a process."""


class NeedsOwnProcess(InvalidInput):
    """The release may not share a process with others."""


@dataclass(frozen=True, slots=True)
class ModelContent:
    """The content of a release, ready to run."""

    contract: Contract
    model: Model | Workplace
    """The folder of a code model."""
    expected: Expected
    """The answers that it must repeat before it may serve."""


def load(
    launch: ServerConfiguration, now: datetime, stack: ExitStack, room: CgroupLimits = UNLIMITED
) -> ModelContent:
    """Verify the release of the launch and load its model; `stack` removes the folder of code.

    Raises `VerificationError` unless everything that the launch requires holds, `InvalidInput` if
    the release does not fit into the memory of this process, `NeedsOwnProcess` if it may not share.
    """
    digest = Digest(launch.digest)
    store = open_source(launch.source)
    _refuse_without_room(store, digest, room.memory)
    if launch.is_shared and (size := _size(store, digest)) > MOST_SHARED_BYTES:
        raise NeedsOwnProcess(f"{digest} is large: {size} bytes")
    verified = _verified(store, digest, launch, now)
    beside = set[str]()
    """The other files of a graph: weights and tokenizer. A model that is code has a folder."""

    def is_kept(path: str) -> bool:
        if not (_is_of_the_frame(path) or path.startswith(PLATFORM_FOLDER)):
            beside.add(path)
        return _is_of_the_frame(path)

    files = open_release(store, digest, keep=is_kept).files
    contract = parse_contract(_file(files.get(CONTRACT), CONTRACT, digest))
    if launch.model and contract.name != launch.model:
        raise VerificationError(
            f"{digest} is a release of {contract.name}: expected one of {launch.model}"
        )
    if contract.python is not None:
        if launch.is_shared:
            raise NeedsOwnProcess(f"{digest} is code, which has a sandbox of its own")
        from goldenpath.serve.model.model_files import prepare

        runtime = parse_runtime(_file(files.get(RUNTIME), RUNTIME, digest))
        expected = expected_of(verified, runtime)
        return ModelContent(contract, stack.enter_context(prepare(launch, store, digest)), expected)
    graph = _file(files.get(MODEL), MODEL, digest)
    others = open_release(store, digest, keep=beside.__contains__).files if beside else {}
    named = {path.removeprefix(f"{MODELS}/"): content for path, content in others.items()}
    model = OnnxModel(graph, contract, launch.threads, files=named)
    return ModelContent(contract, model, expected_of(verified, None))


def _verified(store: Store, digest: Digest, launch: ServerConfiguration, now: datetime) -> Verified:
    """Return what is signed about the release; nothing if the launch requires nothing."""
    if launch.trust is None:
        return Verified(digest, (), ())
    verified = verify(store, digest, policy_of(launch.trust), now=now, seen=seen_of(launch.trust))
    if not verified.holds:
        failed = [f for f in verified.findings if f.status == "fail"]
        raise VerificationError(
            f"{digest} may not start: " + "; ".join(f"{f.check}: {f.message}" for f in failed),
            hint=failed[0].cure or None,
        )
    return verified


def _size(store: Store, digest: Digest) -> int:
    return sum(layer.size for layer in read_image(store, digest).layers)


def _refuse_without_room(store: Store, digest: Digest, memory: int | None) -> None:
    """Refuse a release that the kernel would kill this process for, again at each start."""
    if memory is not None and (size := _size(store, digest)) > memory:
        mib = 1024 * 1024
        raise InvalidInput(
            f"{digest} has {-(-size // mib)} MiB, and this process may use {memory // mib} MiB",
            hint="raise the memory limit of the container, or of the service that runs it",
        )


def _is_of_the_frame(path: str) -> bool:
    return path == MODEL or (path.startswith(PLATFORM_FOLDER) and not path.startswith(WHEELS))


def _file(content: bytes | None, name: str, digest: Digest) -> bytes:
    if content is None:
        raise VerificationError(f"{digest} holds no {name}")
    return content
