"""The content of this machine's catalogue, read without MLflow, whose import takes two seconds.

The database is opened read-only. Its tables are those of the MLflow that the lock pins, and a test
compares them.
"""

import sqlite3
from pathlib import Path

from goldenpath.errors import Unavailable
from goldenpath.release.catalogue.registered import Registered, models
from goldenpath.release.catalogue.tags import DIGEST_TAG

_VERSIONS = """
SELECT v.name, v.version, coalesce(t.value, '')
FROM model_versions AS v
LEFT JOIN model_version_tags AS t
  ON t.workspace = v.workspace AND t.name = v.name AND t.version = v.version AND t."key" = ?
WHERE v.current_stage IS NOT 'Deleted_Internal'
"""
_ALIASES = "SELECT name, alias, version FROM registered_model_aliases"


def read_registered(database: Path) -> Registered:
    """Return the models of a database; none if there is no file.

    Raises `Unavailable` if it cannot be read.
    """
    if not database.exists():
        return Registered()
    try:
        connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        try:
            versions = connection.execute(_VERSIONS, (DIGEST_TAG,)).fetchall()
            return Registered(models(versions, connection.execute(_ALIASES).fetchall()))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise Unavailable(f"the catalogue {database} cannot be read: {error}") from error
