"""Packing and verifying, against the plain programs that do the least possible.

Sizes are those of the goals; a call with less is for a quick look. Everything lies in one temporary
folder, so that both sides use the same disk.
"""

import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric import ec

from bench.measurement import Measurement
from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import EMPTY, EMPTY_CONTENT, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.pack import Contents, Packed, pack
from goldenpath.release.artifact.unpack import read_image
from goldenpath.release.attest.attach import sign_image
from goldenpath.release.attest.keys import PemSigner

SIZE = 2_000_000_000
ROUNDS = 3
TOOLS = Path(__file__).parent.parent / "build" / "tools" / "bin"
_CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def run(size: int = SIZE) -> Iterator[Measurement]:
    """Every figure of the supply chain."""
    with tempfile.TemporaryDirectory(prefix="goldenpath-bench-") as name:
        folder = Path(name)
        model = folder / "outputs" / "model.onnx"
        make_model(model, size)
        yield from _packing(folder, model)


def _packing(folder: Path, model: Path, rounds: int = ROUNDS) -> Iterator[Measurement]:
    packing, hashing, copying, verifying = [], [], [], []
    signer = PemSigner(ec.generate_private_key(ec.SECP256R1()))
    for _ in range(rounds):
        shutil.rmtree(folder / "one", ignore_errors=True)
        (folder / "copy").unlink(missing_ok=True)
        hashing.append(_timed(lambda: _run("sha256sum", model)))
        copying.append(_timed(lambda: _run("cp", model, folder / "copy")))
        packing.append(_timed(lambda: _signed(LayoutStore(folder / "one"), model, signer)))
        verifying.append(_timed(lambda: _whole(folder / "one")))
    plain = [one + other for one, other in zip(hashing, copying, strict=True)]
    yield _against("pack, hash and sign / (sha256sum + cp)", packing, plain, 1.3, hashing)
    yield _against("verify every blob / sha256sum", verifying, hashing, 1.1, hashing)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    yield Measurement(3, "memory of packing and verifying", peak, "MB", 200, peak < 200)


def _against(
    name: str, ours: list[float], plain: list[float], goal: float, control: list[float]
) -> Measurement:
    ratio = median(one / other for one, other in zip(ours, plain, strict=True))
    note = (
        f"{median(ours):.1f} s against {median(plain):.1f} s; "
        f"sha256sum alone {min(control):.1f} to {max(control):.1f} s"
    )
    return Measurement(3, name, ratio, "1", goal, ratio <= goal, note)


def _signed(store: LayoutStore, model: Path, signer: PemSigner) -> None:
    image = packed(store, model).image
    sign_image(store, image, "registry.example/bench", signer, now=datetime.now(UTC))


def packed(store: LayoutStore, model: Path) -> Packed:
    packed = pack(
        store,
        Contents(
            name="bench",
            version="1",
            outputs=model.parent,
            contract=b"{}",
            profile=b"{}",
            lock=b"",
            python_version="3.11",
            documents={},
            commit="0" * 40,
            committed_at="2026-01-01T00:00:00Z",
        ),
    )
    store.tag("one", packed.image)
    return packed


def _whole(layout: Path) -> None:
    store = LayoutStore(layout)
    verified(store, store.resolve("one"))


def verified(store: Store, image: Descriptor) -> None:
    for layer in read_image(store, image.digest).layers:
        for _ in store.fetch(layer):
            pass


def make_many(store: LayoutStore, number: int) -> Descriptor:
    blobs = tuple(
        store.add("application/octet-stream", [os.urandom(1_000_000)]) for _ in range(number)
    )
    config = store.add(EMPTY, [EMPTY_CONTENT])
    content = Manifest(config, blobs, artifact_type="application/vnd.example.bench").render()
    descriptor = Descriptor.of(IMAGE_MANIFEST, content)
    store.push(descriptor, [content])
    return descriptor


def copied(source: Store, destination: Store, image: Descriptor) -> None:
    """Copies the image alone."""
    copy(source, destination, image, referrers=False)


def make_model(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    block = os.urandom(1_000_000)
    with path.open("wb") as file:
        for number in range(size // len(block)):
            file.write(number.to_bytes(8, "big") + block[8:])


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def find_tool(name: str) -> str | None:
    fetched = TOOLS / name
    return str(fetched) if fetched.is_file() else shutil.which(name)


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    folder.mkdir()
    config = folder / "config.yml"
    config.write_text(_CONFIG.format(root=folder / "data", port=port))
    server = subprocess.Popen(["docker-registry", "serve", str(config)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)
