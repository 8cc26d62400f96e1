"""A signed release in a real store, and real server processes that load it."""

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from uv import find_uv_bin

from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import (
    CodeSettings,
    ReleaseSource,
    ReleaseTrust,
    ServerConfiguration,
    TrustedPem,
)
from goldenpath.project.contract import render_contract
from goldenpath.project.spec import Contract, PythonModel
from goldenpath.release.artifact.pack import Contents, pack
from goldenpath.release.attest.attach import sign_image
from goldenpath.release.attest.keys import PemSigner, public_pem
from goldenpath.release.attest.statement import SIGNED
from goldenpath.train.environment.runtime import Runtime
from tests.release.attest.releases import NOW, REPOSITORY, new_signer
from tests.serve.onnx_graph import logistic_regression
from tests.serve.running import CONTRACT, WEIGHTS, Answer, request
from tests.serve.wheel import made, repacked


@dataclass(frozen=True, slots=True)
class Packed:
    """A release, and the key that may sign it."""

    folder: Path
    store: LayoutStore
    image: Descriptor
    signer: PemSigner
    model: str = "credit"

    def launch(self, replica: str = "one") -> ServerConfiguration:
        """What starts a server for it, listening in the folder."""
        return ServerConfiguration(
            stage="prod",
            model=self.model,
            slot="r" + self.image.digest.hex[:12],
            digest=self.image.digest.text,
            replica=replica,
            source=ReleaseSource(str(self.folder / "registry")),
            trust=ReleaseTrust((TrustedPem("build", public_pem(self.signer).decode()),), (SIGNED,)),
            listen=f"unix:{self.folder / replica}",
            spool=str(self.folder / "spool"),
            code=CodeSettings(
                scratch=str(self.folder / "scratch"), uv=find_uv_bin(), search=os.environ["PATH"]
            ),
        )


def packed(
    folder: Path,
    *,
    signed: bool = True,
    model: bytes | None = None,
    contract: Contract = CONTRACT,
    profile: bytes = b'{"rows":1}',
) -> Packed:
    """Packs the model of these tests, or another one."""
    outputs = folder / "outputs"
    outputs.mkdir()
    content = logistic_regression(WEIGHTS, -0.5) if model is None else model
    (outputs / "model.onnx").write_bytes(content)
    store, signer = LayoutStore(folder / "registry"), new_signer()
    contents = replace(_contents(outputs, contract), profile=profile)
    image = pack(store, contents).image
    if signed:
        sign_image(store, image, REPOSITORY, signer, now=NOW)
    return Packed(folder, store, image, signer, contract.name)


def another(before: Packed, model: bytes) -> Descriptor:
    """Another release with the same key, in the same store."""
    outputs = before.folder / f"outputs-{hash(model)}"
    outputs.mkdir()
    (outputs / "model.onnx").write_bytes(model)
    image = pack(before.store, _contents(outputs, CONTRACT)).image
    sign_image(before.store, image, REPOSITORY, before.signer, now=NOW)
    return image


def packed_code(
    folder: Path,
    model: str,
    *,
    time_limit: float = 5.0,
    memory_limit: int = 2048,
    helper: Mapping[str, str] | None = None,
) -> Packed:
    """Packs a model that is code, with numpy as its environment, and a wheel of these files."""
    outputs, wheels = folder / "outputs", folder / "wheels"
    outputs.mkdir()
    wheels.mkdir()
    (outputs / "weights.txt").write_text(" ".join(map(str, WEIGHTS.tolist())))
    python = PythonModel("scoring:load", time_limit=time_limit, memory_limit=memory_limit)
    packages = (repacked("numpy", wheels), *([made("helper", wheels, helper)] if helper else []))
    contents = replace(
        _contents(outputs, replace(CONTRACT, python=python)),
        model_files=("weights.txt",),
        model_format="python",
        runtime=Runtime(("weights.txt",), platform.python_version(), packages),
        code={"scoring.py": model.encode()},
        wheels={wheel.file: wheels / wheel.file for wheel in packages},
    )
    store, signer = LayoutStore(folder / "registry"), new_signer()
    image = pack(store, contents).image
    sign_image(store, image, REPOSITORY, signer, now=NOW)
    return Packed(folder, store, image, signer)


def _contents(outputs: Path, contract: Contract) -> Contents:
    return Contents(
        name=contract.name,
        version="1.0.0",
        outputs=outputs,
        contract=render_contract(contract),
        profile=b'{"rows":1}',
        lock=b"lock",
        python_version=platform.python_version(),
        documents={},
        commit="c" * 40,
        committed_at="2026-01-01T00:00:00Z",
    )


@dataclass
class Process:
    """A server process that said its first word."""

    child: subprocess.Popen[bytes]
    event: dict[str, object]

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self.event["address"]).removeprefix("unix:")

    def end(self) -> dict[str, object]:
        """Closes its standard input and gives back its last word."""
        assert self.child.stdin is not None
        self.child.stdin.close()
        return self.last_word()

    def terminate(self) -> dict[str, object]:
        """Sends SIGTERM and gives back its last word."""
        self.child.send_signal(signal.SIGTERM)
        return self.last_word()

    def last_word(self) -> dict[str, object]:
        """The event after which it exits."""
        assert self.child.stdout is not None
        word = json.loads(self.child.stdout.readline())
        assert isinstance(word, dict)
        self.child.wait(20)
        return word


@contextmanager
def started(launch: ServerConfiguration) -> Iterator[Process]:
    """The process, up to its first event; it does not outlive the block."""
    child = subprocess.Popen(
        [sys.executable, "-m", "goldenpath.serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(msgspec.json.encode(launch) + b"\n")
        child.stdin.flush()
        event = json.loads(child.stdout.readline())
        assert isinstance(event, dict)
        yield Process(child, event)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        if not child.stdin.closed:
            child.stdin.close()


__all__ = [
    "Answer",
    "Packed",
    "Process",
    "packed",
    "packed_code",
    "replace",
    "request",
    "started",
]
