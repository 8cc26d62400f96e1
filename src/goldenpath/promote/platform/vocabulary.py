"""An example of the facts that a platform's expressions may use. Names and shapes stay stable."""

from collections.abc import Mapping
from datetime import UTC, datetime

_METRIC: Mapping[str, object] = {
    "name": "roc_auc", "value": 0.8, "low": 0.78, "high": 0.82, "rows": 6000, "slice": "",
}  # fmt: skip

EXAMPLE: Mapping[str, object] = {
    "release": {
        "digest": "sha256:0",
        "model": "credit-default",
        "tier": "low",
        "commit": "0",
        "repository": "https://git.example/team/credit",
        "author": "data-scientist",
        "dirty": False,
        "seed": 1,
        "threads": 1,
        "python": "3.11.7",
        "started": datetime(2026, 1, 1, tzinfo=UTC),
        "finished": datetime(2026, 1, 1, tzinfo=UTC),
        "rows": 6000,
        "skew": 0.0,
    },
    "parameters": {},
    "overall": {"roc_auc": _METRIC},
    "metrics": [_METRIC],
    "datasets": [
        {
            "name": "clients",
            "digest": "sha256:0",
            "rows": 30000,
            "size": 1,
            "source": "",
            "licence": "",
            "columns": ["age"],
            "path": "data/clients.parquet",
            "files": 1,
            "first": datetime(2025, 1, 1, tzinfo=UTC),
            "last": datetime(2025, 12, 31, tzinfo=UTC),
            "repeated": 0,
        }
    ],
    "checks": [{"name": "tests", "passed": True, "detail": "", "seconds": 1.0}],
    "packages": [{"name": "numpy", "version": "2.3.5", "licence": "BSD-3-Clause"}],
    "documents": ["compliance/card.md"],
    "live": {"digest": "sha256:0", "overall": {"roc_auc": _METRIC}},
    "stage": "prod",
    "now": datetime(2026, 1, 1, tzinfo=UTC),
}
"""`overall` has the metrics over all rows by name. `metrics` also has those of each slice. `live`
is null if nothing is live in the stage. Interval bounds are null on too few rows. `first`,
`last` and `repeated` of a data set are null if no time column or no key is declared."""

OPEN: Mapping[str, object] = {"overall": _METRIC, "parameters": "text"}
"""Tables whose members depend on the project, each with an example of a member."""
