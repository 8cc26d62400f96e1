"""Packing, verifying, pushing and pulling, against the plain programs that do the least possible.

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
from pathlib import Path

from bench.measurement import Measurement
from goldenpath.artifact.pack import Contents, Packed, pack
from goldenpath.artifact.unpack import read_image
from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import EMPTY, EMPTY_CONTENT, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.reference import Reference
from goldenpath.oci.store import Store
from goldenpath.registry.connect import connect
from goldenpath.registry.layout import LayoutStore

SIZE = 2_000_000_000
MANY = 2_000
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
        _make(model, size)
        yield from _packing(folder, model)
        yield from _transfers(folder, size)


def _packing(folder: Path, model: Path) -> Iterator[Measurement]:
    hashing = _best(lambda: _run("sha256sum", model))
    copying = _best(lambda: _run("cp", model, folder / "copy"))
    (folder / "copy").unlink()
    packing = _best(
        lambda: packed(LayoutStore(folder / "one"), model), lambda: _drop(folder / "one")
    )
    ratio = packing / (hashing + copying)
    note = f"{packing:.1f} s against {hashing:.1f} + {copying:.1f} s, written to disk for good"
    yield Measurement(3, "pack and hash / (sha256sum + cp)", ratio, "1", 1.3, ratio <= 1.3, note)
    store = LayoutStore(folder / "one")
    image = packed(store, model).image
    verifying = _best(lambda: verified(store, image))
    ratio = verifying / hashing
    note = f"{verifying:.1f} s against {hashing:.1f} s"
    yield Measurement(3, "verify every blob / sha256sum", ratio, "1", 1.1, ratio <= 1.1, note)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    yield Measurement(3, "memory of packing and verifying", peak, "MB", 200, peak < 200)


def _transfers(folder: Path, size: int) -> Iterator[Measurement]:
    oras = _find("oras")
    if shutil.which("docker-registry") is None or oras is None:
        for name in ("push", "pull"):
            yield Measurement(
                3, f"{name} / oras", None, "1", 1, None, "docker-registry or oras is absent"
            )
        return
    store = LayoutStore(folder / "one")
    one = store.resolve("one")
    many = _many(store, max(2, MANY * size // SIZE))
    for what, image in (("one file", one), ("many files of 1 MB", many)):
        yield from _against_oras(folder, store, image, what, oras)


def _against_oras(
    folder: Path, store: LayoutStore, image: Descriptor, what: str, oras: str
) -> Iterator[Measurement]:
    layout = f"{folder / 'one'}@{image.digest}"
    with registry(folder / "registry-ours") as ours, registry(folder / "registry-oras") as theirs:
        remote = connect("oci", Reference.parse(f"{ours}/bench"), os.environ)
        pushing = _timed(lambda: copied(store, remote, image))
        target = f"{theirs}/bench:v1"
        plain = _timed(
            lambda: _run(oras, "copy", "--from-oci-layout", "--to-plain-http", layout, target)
        )
        yield _compared(f"push {what} / oras", pushing, plain)
        pulling = _timed(lambda: copied(remote, LayoutStore(folder / "pulled"), image))
        again = f"{folder / 'pulled-oras'}:v1"
        plain = _timed(
            lambda: _run(oras, "copy", "--from-plain-http", "--to-oci-layout", target, again)
        )
        yield _compared(f"pull {what} / oras", pulling, plain)
    for name in ("pulled", "pulled-oras", "registry-ours", "registry-oras"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _compared(name: str, ours: float, theirs: float) -> Measurement:
    ratio = ours / theirs
    return Measurement(3, name, ratio, "1", 1, ratio <= 1, f"{ours:.1f} s against {theirs:.1f} s")


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


def verified(store: Store, image: Descriptor) -> None:
    for layer in read_image(store, image.digest).layers:
        for _ in store.fetch(layer):
            pass


def _many(store: LayoutStore, number: int) -> Descriptor:
    blobs = tuple(
        store.add("application/octet-stream", [os.urandom(1_000_000)]) for _ in range(number)
    )
    config = store.add(EMPTY, [EMPTY_CONTENT])
    content = Manifest(config, blobs, artifact_type="application/vnd.example.bench").render()
    descriptor = Descriptor.of(IMAGE_MANIFEST, content)
    store.push(descriptor, [content])
    return descriptor


def copied(source: Store, destination: Store, image: Descriptor) -> None:
    copy(source, destination, image, referrers=False)


def _make(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True)
    block = os.urandom(1_000_000)
    with path.open("wb") as file:
        for number in range(size // len(block)):
            file.write(number.to_bytes(8, "big") + block[8:])


def _best(work: Callable[[], object], after: Callable[[], None] = lambda: None) -> float:
    first = _timed(work)
    after()
    second = _timed(work)
    return min(first, second)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _drop(folder: Path) -> None:
    shutil.rmtree(folder)


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def _find(name: str) -> str | None:
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
