"""A `.dvc` file: what DVC commits to git in the place of data (DVC documentation, `.dvc` files)."""

import re
from dataclasses import dataclass
from pathlib import Path

from goldenpath.errors import InvalidInput
from goldenpath.project.text import parse_yaml, read_text

_MD5 = re.compile(r"[a-f0-9]{32}(\.dir)?")


@dataclass(frozen=True, slots=True)
class Pointer:
    """The one output of a `.dvc` file."""

    md5: str
    """Without the suffix that DVC gives to folders."""
    is_folder: bool
    path: str
    """Relative to the folder of the `.dvc` file."""


def read_pointer(file: Path) -> Pointer:
    """The pointer in `file`. Raises `InvalidInput` for anything but one output with an MD5."""
    try:
        value = parse_yaml(read_text(file))
    except InvalidInput as error:
        raise InvalidInput(f"{file.name} is not a file of DVC: {error.message}") from error
    outputs = value.get("outs")
    if not isinstance(outputs, list) or len(outputs) != 1 or not isinstance(outputs[0], dict):
        raise InvalidInput(f"{file.name} is not a file of DVC with one output")
    md5, path = str(outputs[0].get("md5", "")), str(outputs[0].get("path", ""))
    if _MD5.fullmatch(md5) is None or outputs[0].get("hash", "md5") != "md5":
        raise InvalidInput(f"{file.name} names no MD5: expected what dvc add writes, got {md5!r}")
    if not path or Path(path).is_absolute() or ".." in Path(path).parts:
        raise InvalidInput(f"{file.name} has an output outside of its folder: {path!r}")
    return Pointer(md5.removesuffix(".dir"), md5.endswith(".dir"), path)
