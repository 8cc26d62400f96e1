"""What `goldenpath prove` shows."""

from collections.abc import Mapping
from pathlib import Path

from goldenpath.audit.proofs.prediction_proof import ProvenPrediction


def proof_record(proven: ProvenPrediction, bundle: Path, size: int) -> Mapping[str, object]:
    """Return what `--output json` shows."""
    return {
        "prediction": proven.prediction_id,
        "bundle": str(bundle),
        "bytes": size,
        "trust": proven.trust,
        "anchor": proven.anchor,
        "facts": proven.facts,
        "not_shown": proven.not_shown,
    }


def render_proof(proven: ProvenPrediction, bundle: Path, folder: str, *, size: int) -> str:
    """Return the page for people."""
    return "\n".join(
        (
            *proven.not_shown,
            f"prediction {proven.prediction_id}: proven in {bundle}, {size} bytes",
            f"  rests on  commit {proven.trust} of main",
            f"  held by   commit {proven.anchor} of the branch anchors",
            "how to check it without goldenpath",
            f"  tar -xzf {bundle.name} && cd {folder} && python3 verify.py {proven.trust}",
            "  or the commands of VERIFY.md, which need git, openssl and ssh-keygen",
        )
    )
