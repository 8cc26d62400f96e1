"""A training run as a record, as `train` would give it."""

from goldenpath.digest import Digest
from goldenpath.release.attest.statement import BUILDER as BUILDER
from goldenpath.train.training_run import (
    BundledPart,
    Check,
    ColumnSummary,
    Dataset,
    Environment,
    Metric,
    Package,
    SourceState,
    TrainingRun,
)

REMOTE = "https://git.example/team/credit"


def training_run() -> TrainingRun:
    """One run with something in every member."""
    return TrainingRun(
        model="credit",
        source=SourceState(
            "a" * 40, REMOTE, "main", False, "data-scientist", "2026-11-20T08:00:00Z"
        ),
        environment=Environment(
            lock_digest=Digest.of(b"lock").text,
            python="3.11.7",
            platform="linux-x86_64",
            cpu="a processor",
            packages=(
                Package(
                    "numpy",
                    "2.3.5+local",
                    (Digest.of(b"wheel").text,),
                    "BSD-3-Clause",
                    (
                        BundledPart(
                            "libgfortran",
                            "5.0.0",
                            "numpy.libs/libgfortran-040039e1.so.5.0.0",
                            Digest.of(b"gfortran").text,
                        ),
                        BundledPart("aho-corasick", "1.1.5", purl="pkg:cargo/aho-corasick@1.1.5"),
                    ),
                ),
                Package("joblib", "1.5.2", (Digest.of(b"a").text, Digest.of(b"b").text), "BSD 3"),
                Package("plain", "1.0", ()),
            ),
            uv="0.13.9",
        ),
        datasets=(
            Dataset(
                "panel",
                "data/panel.parquet",
                Digest.of(b"data").text,
                4,
                30000,
                (
                    ColumnSummary("age", "int64", 0, 56, 21.0, 79.0, 35.5),
                    ColumnSummary("sex", "int64", 1, 2),
                ),
                "https://data.example/panel",
                "CC-BY-4.0",
                "clients",
                first="2025-01-01T00:00:00Z",
                last="2026-06-30T00:00:00Z",
                repeated=0,
            ),
        ),
        entry="credit.training:train",
        seed=7,
        threads=1,
        parameters={"trees": 200, "rate": 0.1, "kind": "forest", "deep": True},
        metrics=(
            Metric("roc_auc", 0.77, 0.76, 0.78, 6000),
            Metric("roc_auc", 0.7, None, None, 12, "sex=2"),
        ),
        checks=(Check("lint", True, "", 0.1), Check("tests", True, "5 passed", 2.0)),
        thresholds_digest=Digest.of(b"thresholds").text,
        thresholds_committed_at="2026-11-01T08:00:00Z",
        started_at="2026-11-22T11:00:00Z",
        finished_at="2026-11-22T11:10:00Z",
        training_seconds=600.0,
        peak_memory=400_000_000,
        rows_trained=24000,
        rows_evaluated=6000,
        largest_skew=1e-7,
        outputs={"model.onnx": Digest.of(b"model").text},
    )
