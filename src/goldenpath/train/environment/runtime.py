"""The runtime of a model that is code, as a release records it: `env/runtime.json`.

`PythonModel` of the contract defines how the model is called. The release also contains

    models/...                      the files of the model; `load(files)` gets this folder
    models/goldenpath/code/...      `src/` of the project, first on `sys.path`
    models/goldenpath/env/wheels/   all wheels; `rebuild` makes the environment from them,
                                    offline and by hash
    models/goldenpath/env/runtime.json   this record: model files, wheels and Python version
"""

from dataclasses import dataclass

import msgspec

from goldenpath.canonical import canonical_json, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.stored_formats import RUNTIME


@dataclass(frozen=True, slots=True)
class Wheel:
    """One package of the environment in which the model is served."""

    name: str
    version: str
    file: str
    """Name of the wheel below `env/wheels/`."""
    digest: str
    """`sha256:…` of that file, from the lock."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Files, interpreter and packages of a model that is code."""

    files: tuple[str, ...]
    """Files of the model, relative to `models/`."""
    python: str
    """Full version of the interpreter, such as `3.11.7`."""
    wheels: tuple[Wheel, ...]
    version: int = RUNTIME.version


def render_runtime(runtime: Runtime) -> bytes:
    """Return the record as canonical JSON."""
    return canonical_json(msgspec.to_builtins(runtime))


def parse_runtime(content: bytes) -> Runtime:
    """Return the record in `content`. Raises `InvalidInput` for anything `render_runtime` rejects.

    Wheels are bare file names, so that no name leads out of the folder.
    """
    value = parse_object(content, "runtime")
    RUNTIME.require(value.get("version"), "runtime")
    runtime = typed(value, Runtime, "runtime")
    if render_runtime(runtime) != content:
        raise InvalidInput("runtime is not in canonical form, or has unknown keys")
    for wheel in runtime.wheels:
        if "/" in wheel.file or "\\" in wheel.file or not wheel.file.endswith(".whl"):
            raise InvalidInput(f"runtime names the wheel {wheel.file!r}: expected a file name")
    return runtime
