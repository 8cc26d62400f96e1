"""How long a user waits for the first word."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.measurement import Measurement
from goldenpath.attest.attach import attach, sign_image
from goldenpath.attest.keys import generate_key, key_from_pem, public_pem
from goldenpath.attest.policy import Policy
from goldenpath.attest.statement import METRICS, SIGNED, Statement
from goldenpath.canonical import JsonValue
from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_LAYER, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.promote.admission import Admission, render_admission
from goldenpath.registry.layout import LayoutStore

GOLDENPATH = str(Path(sys.executable).parent / "goldenpath")


def _milliseconds(*command: str) -> float:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(8):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True, env=environment)
        times.append(time.perf_counter() - start)
    return median(times[1:]) * 1000


def run() -> Iterator[Measurement]:
    """Process start to exit, median of seven, with bytecode as an installed program has it."""
    value = _milliseconds(GOLDENPATH, "--help")
    yield Measurement(3, "goldenpath --help", value, "ms", 100, value < 100)
    with tempfile.TemporaryDirectory(prefix="goldenpath-bench-") as name:
        reference, policy = _release(Path(name))
        value = _milliseconds(GOLDENPATH, "verify", reference, "--policy", policy)
    yield Measurement(3, "goldenpath verify, small artifact", value, "ms", 150, value < 150)
    yield Measurement(3, "python -c pass", _milliseconds(sys.executable, "-c", "pass"), "ms")


def _release(folder: Path) -> tuple[str, str]:
    """A small image with a signature and one kind of evidence, and the policy that takes it."""
    now = datetime.now(UTC)
    store, signer = LayoutStore(folder / "registry"), generate_key(folder / "release.pem")
    config, layer = Descriptor.of(IMAGE_CONFIG, b"{}"), Descriptor.of(IMAGE_LAYER, b"weights")
    manifest = Manifest(config, (layer,)).render()
    image = Descriptor.of(IMAGE_MANIFEST, manifest)
    for descriptor, content in ((config, b"{}"), (layer, b"weights"), (image, manifest)):
        store.push(descriptor, [content])
    said: dict[str, JsonValue] = {"metrics": [{"name": "roc_auc", "value": 0.7}]}
    attach(store, image, Statement((image.digest,), METRICS, said), signer, now)
    sign_image(store, image, "", signer, now)
    key = key_from_pem("release", public_pem(signer))
    policy = folder / "policy.toml"
    policy.write_bytes(render_admission(Admission(Policy((key,), (SIGNED, METRICS)))))
    return f"layout:{folder}/registry@{image.digest}", str(policy)
