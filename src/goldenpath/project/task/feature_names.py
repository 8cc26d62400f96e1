"""Gives the columns of a table, or the inputs of a graph, names that features may have. Pure."""

import re
from collections.abc import Mapping, Sequence

RESERVED = ("key", "target", "score")
"""Columns of the tables of a training, which no feature can be."""


def feature_names(columns: Sequence[str]) -> Mapping[str, str]:
    """Return the name of a feature for each column, the same one if possible.

    `sepal length (cm)` becomes `sepal_length_cm`. Equal columns in any order get equal names.
    """
    names: dict[str, str] = {}
    for column in sorted(columns):
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", column).strip("_") or "column"
        plain = f"_{plain}" if plain[0].isdigit() else plain
        plain = f"{plain}_" if plain in RESERVED else plain
        unique, number = plain, 2
        while unique in names.values():
            unique, number = f"{plain}_{number}", number + 1
        names[column] = unique
    return {column: names[column] for column in columns}


def model_name(text: str) -> str:
    """Return a name that a model may have: lower-case letters, digits and hyphens."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-")
    return plain if plain[:1].isalpha() else f"model-{plain}".strip("-")
