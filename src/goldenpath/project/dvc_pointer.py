"""Reads `.dvc` files, which DVC commits to git instead of the data.

Source: DVC documentation, `.dvc` files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.project.text import MAX_TEXT, read_text


@dataclass(frozen=True, slots=True)
class DvcPointer:
    """The single output of a `.dvc` file."""

    md5: str
    """Without the suffix `.dir`, which DVC adds for folders."""
    is_folder: bool
    path: str
    """Relative to the folder of the `.dvc` file."""
    is_old: bool = False
    """Whether DVC 2 wrote it, which hashed texts with the line ends of Unix."""


class _Output(msgspec.Struct):
    """One entry of `outs`. DVC writes more keys; they do not decide which bytes are meant."""

    md5: Annotated[str, Meta(pattern=r"^[a-f0-9]{32}(\.dir)?\Z")]
    path: Annotated[str, Meta(min_length=1)]
    hash: Literal["md5"] | None = None
    """DVC 3 always writes it."""


class _PointerFile(msgspec.Struct):
    outs: Annotated[tuple[_Output, ...], Meta(min_length=1, max_length=1)]


def read_pointer(file: Path) -> DvcPointer:
    """Return the pointer in `file`. Raises `InvalidInput` unless it has one output with an MD5."""
    value = parse_yaml(read_text(file).encode(), file.name, limit=MAX_TEXT)
    hint = "expected what dvc add writes: one output with its MD5"
    (output,) = typed(value, _PointerFile, file.name, hint=hint).outs
    if Path(output.path).is_absolute() or ".." in Path(output.path).parts:
        raise InvalidInput(f"{file.name} has an output outside its folder: {output.path!r}")
    md5, is_folder = output.md5.removesuffix(".dir"), output.md5.endswith(".dir")
    return DvcPointer(md5, is_folder, output.path, output.hash is None)
