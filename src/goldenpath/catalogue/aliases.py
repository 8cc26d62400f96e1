"""What the catalogue's aliases point at, read without MLflow: importing that takes two seconds.

Only from a database of this machine, opened read-only; the tables are those of the MLflow that the
lock pins, and a test holds the two together.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from goldenpath.catalogue.entry import DIGEST_TAG
from goldenpath.errors import Unavailable

_ALIASES = """
SELECT m.name, a.alias, t.value
FROM (SELECT DISTINCT workspace, name FROM model_versions) AS m
LEFT JOIN registered_model_aliases AS a ON a.workspace = m.workspace AND a.name = m.name
LEFT JOIN model_version_tags AS t
  ON t.workspace = a.workspace AND t.name = a.name AND t.version = a.version AND t."key" = ?
"""


def read_aliases(database: Path) -> Mapping[str, Mapping[str, str]]:
    """Digest by alias, by model; models without an alias are there and empty.

    Nothing without a database. Raises `Unavailable` if it cannot be read.
    """
    found: dict[str, dict[str, str]] = {}
    if not database.exists():
        return found
    try:
        connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        try:
            for model, alias, digest in connection.execute(_ALIASES, (DIGEST_TAG,)):
                aliases = found.setdefault(model, {})
                if alias is not None:
                    aliases[alias] = digest or ""
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise Unavailable(f"the catalogue {database} cannot be read: {error}") from error
    return found
