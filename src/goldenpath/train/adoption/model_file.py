"""Tells by its bytes what a model file is, and which libraries open it. Pure: it opens nothing."""

import re
import zlib
from typing import Literal

from goldenpath.errors import InvalidInput

FileKind = Literal["onnx", "lightgbm", "xgboost", "skops", "pickle"]
"""A graph, a native format of a library, an object that skops wrote, or a pickled one."""
VERSION = re.compile(r"[0-9][0-9A-Za-z.+!]{0,39}")
"""The version of a package."""

_LARGEST = 64 * 1024 * 1024
"""Bytes of a compressed object that are unpacked to look for names."""
_LIBRARIES = {
    b"sklearn": ("scikit-learn", "skl2onnx", "onnx", "skops", "joblib", "pandas"),
    b"lightgbm": ("lightgbm", "joblib", "pandas", "scikit-learn"),
    b"xgboost": ("xgboost-cpu", "joblib", "pandas", "scikit-learn"),
}
"""The packages that a file needs, by the module that it names."""
_SKLEARN_VERSION = re.compile(rb"_sklearn_version.{0,12}?([0-9]+\.[0-9]+(\.[0-9]+)?)", re.DOTALL)


def file_kind(content: bytes) -> FileKind:
    """Return the kind of a model file, by its first bytes. What is none of the others is ONNX."""
    if content.startswith(b"tree\n"):
        return "lightgbm"
    # JSON, or its binary form UBJSON, which writes the length of a name before it.
    if content[:1] == b"{" and b"learner" in content[:64]:
        return "xgboost"
    if content.startswith(b"PK\x03\x04"):
        return "skops"
    is_pickle = content[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
    return "pickle" if is_pickle or _is_compressed(content) else "onnx"


def requirements_of(content: bytes, kind: FileKind) -> tuple[str, ...]:
    """Return the packages that the file needs to be opened, with the versions that it names.

    Raises `InvalidInput` if it names no library that is known here.
    """
    readable = _unpacked(content) if _is_compressed(content) else content
    if kind == "pickle":
        named = [packages for module, packages in _LIBRARIES.items() if module in readable]
    else:
        named = [_LIBRARIES[b"sklearn" if kind == "skops" else kind.encode()]]
    if not named:
        raise InvalidInput(
            "the file names no library that is known here: expected an object of scikit-learn, "
            "LightGBM or XGBoost",
            hint="export it as ONNX; or start with goldenpath new --framework python",
        )
    # What every object of scikit-learn needs comes first, so that its conversion is tried too.
    packages = dict.fromkeys(name for group in named for name in group)
    version = _SKLEARN_VERSION.search(readable)
    pins = {"scikit-learn": f"scikit-learn=={version[1].decode()}"} if version else {}
    return tuple(pins.get(name, name) for name in packages)


def _is_compressed(content: bytes) -> bool:
    """Return whether joblib compressed it, by zlib or gzip."""
    return content[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b")


def _unpacked(content: bytes) -> bytes:
    try:
        wbits = 31 if content[:2] == b"\x1f\x8b" else 15
        return zlib.decompressobj(wbits).decompress(content, _LARGEST)
    except zlib.error as error:
        raise InvalidInput(f"the file cannot be read: {error}") from error
