"""Our own code as the last layer of an image."""

from collections.abc import Mapping
from pathlib import Path

import goldenpath
from goldenpath.images.file_tree import TreeFile, tree_below, without
from goldenpath.images.image_role import PROGRAM

_LEFT_OUT = ("*/__pycache__/*", "*.pyc", "*.pyi")


def own_code(packages: str, python: str) -> Mapping[str, TreeFile]:
    """Return the installed goldenpath below the folder `packages`, and its program.

    `python` is the path of the interpreter in the image.
    """
    source = Path(goldenpath.__file__).parent
    start = f"#!{python} -Is\nfrom goldenpath.cli.main import main\n\nmain()\n"
    return {
        **without(tree_below(source, f"{packages}/goldenpath"), _LEFT_OUT),
        PROGRAM.lstrip("/"): TreeFile(0o755, start.encode()),
    }
