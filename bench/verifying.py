"""`goldenpath verify` from process start to exit: a small release, and one of two gigabytes."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.measurement import Measurement
from bench.startup import GOLDENPATH, milliseconds
from goldenpath.canonical import JsonValue
from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_LAYER, IMAGE_MANIFEST
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.gates.admission_policy import AdmissionPolicy, render_admission
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.attest.keys import generate_key, key_from_pem, public_pem
from goldenpath.release.attest.policy import Policy
from goldenpath.release.attest.statement import METRICS, SIGNED, Statement

SIZE = 2_000_000_000


def run(size: int = SIZE) -> Iterator[Measurement]:
    """The small one in milliseconds; the large one against sha256sum of the same bytes."""
    with tempfile.TemporaryDirectory(prefix="goldenpath-bench-") as name:
        folder = Path(name)
        words = [GOLDENPATH, "verify", *_release(folder / "small", 7)]
        value = milliseconds(*words)
        yield Measurement(3, "goldenpath verify, small artifact", value, "ms", 150, value < 150)
        value = milliseconds(*words, "--output", "json")
        yield Measurement(3, "goldenpath verify, small artifact, JSON", value, "ms")
        words = [GOLDENPATH, "verify", *_release(folder / "large", size)]
        [blob] = [p for p in (folder / "large").rglob("*") if p.is_file() and _size(p) == size]
        plain = min(_cost("sha256sum", str(blob)) for _ in range(3))
        ours = min(_cost(*words) for _ in range(3))
    for number, what in enumerate(("time", "processor time")):
        ratio = ours[number] / plain[number]
        note = f"{ours[number]:.1f} s against {plain[number]:.1f} s"
        name = f"goldenpath verify of {size / 1e9:g} GB / sha256sum, {what}"
        yield Measurement(3, name, ratio, "1", 1.1, ratio <= 1.1, note)


def _size(path: Path) -> int:
    return path.stat().st_size


def _cost(*command: str) -> tuple[float, float]:
    """Seconds on the clock, and seconds that processors worked."""
    before = os.times()
    subprocess.run(command, capture_output=True, check=True)
    after = os.times()
    worked = after.children_user + after.children_system
    worked -= before.children_user + before.children_system
    return after.elapsed - before.elapsed, worked


def _release(folder: Path, size: int) -> tuple[str, str, str]:
    """A signed image with one kind of evidence: its reference, and the policy that takes it."""
    now = datetime.now(UTC)
    folder.mkdir()
    store, signer = LayoutStore(folder / "registry"), generate_key(folder / "release.pem")
    block = os.urandom(1_000_000)
    chunks = (block[: size - at] for at in range(0, size, len(block)))
    layer, config = store.add(IMAGE_LAYER, chunks), store.add(IMAGE_CONFIG, [b"{}"])
    image = store.add(IMAGE_MANIFEST, [Manifest(config, (layer,)).render()])
    said: dict[str, JsonValue] = {"metrics": [{"name": "roc_auc", "value": 0.7}]}
    attach(store, image, Statement((image.digest,), METRICS, said), signer, now=now)
    sign_image(store, image, "", signer, now=now)
    key = key_from_pem("release", public_pem(signer))
    policy = folder / "policy.toml"
    policy.write_bytes(render_admission(AdmissionPolicy(Policy((key,), (SIGNED, METRICS)))))
    return f"layout:{folder}/registry@{image.digest}", "--policy", str(policy)
