"""A small release for tests."""

from pathlib import Path

from goldenpath.release.artifact.pack import Contents


def contents(folder: Path, model: bytes = b"model" * 1000, **documents: bytes) -> Contents:
    """Contents whose model lies in `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model)
    (folder / "metrics.json").write_bytes(b"{}")
    return Contents(
        name="credit-default",
        version="0.1.0",
        outputs=folder,
        contract=b'{"version":1}',
        profile=b'{"rows":1}',
        lock=b"version = 1\n",
        python_version="3.11.7",
        documents={"card.md": b"# Card\n", "compliance/h01.yaml": b"h: 1\n", **documents},
        commit="0123456789abcdef0123456789abcdef01234567",
        committed_at="2026-01-14T14:03:00Z",
        remote="https://user:secret@git.example/ml/credit.git",
        licence="Apache-2.0",
    )
