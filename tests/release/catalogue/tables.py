"""An empty catalogue: MLflow creates the tables once, which takes many seconds; tests get copies.

`test_catalogue.py` opens one that is made anew.
"""

import shutil
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from goldenpath.errors import Unavailable
from goldenpath.files import locked
from goldenpath.release.catalogue.catalogue_process import Catalogue

_KEPT = Path(__file__).parents[3] / "build" / "catalogue"


def copy_empty_catalogue(database: Path) -> str:
    """Create an empty catalogue in the folder and return its URI."""
    made = _KEPT / version("mlflow-skinny") / "mlflow.db"
    made.parent.mkdir(parents=True, exist_ok=True)
    with locked(_KEPT / "lock"):
        if not made.exists():
            # It makes its tables before it refuses what nobody registered.
            with Catalogue(f"sqlite:///{made}", made.parent) as catalogue, suppress(Unavailable):
                catalogue.take_alias("nobody", "prod")
    database.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(made, database)
    return f"sqlite:///{database}"
