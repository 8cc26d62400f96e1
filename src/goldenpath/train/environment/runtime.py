"""What a model that is code runs in, as it travels inside a release: `env/runtime.json`.

`PythonModel` of the contract says how such a model is called. Beside it the release carries

    models/...                      the files of the model; what `load(files)` gets is the folder
    models/goldenpath/code/...      `src/` of the project, to be put first on `sys.path`
    models/goldenpath/env/wheels/   every wheel, from which `rebuild` makes the
                                    environment again, offline and by hash
    models/goldenpath/env/runtime.json   this record: which of them, and which Python
"""

from dataclasses import dataclass

import msgspec

from goldenpath.canonical import canonical_json, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed

RUNTIME_VERSION = 1


@dataclass(frozen=True, slots=True)
class Wheel:
    """One package of the environment in which the model is served."""

    name: str
    version: str
    file: str
    """Name of the wheel below `env/wheels/`."""
    digest: str
    """`sha256:…` of that file, as the lock has it."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Files, interpreter and packages of a model that is code."""

    files: tuple[str, ...]
    """Of the model, below `models/`."""
    python: str
    """The whole version of the interpreter, `3.11.7`."""
    wheels: tuple[Wheel, ...]
    version: int = RUNTIME_VERSION


def render_runtime(runtime: Runtime) -> bytes:
    """Canonical JSON."""
    return canonical_json(msgspec.to_builtins(runtime))


def parse_runtime(content: bytes) -> Runtime:
    """The runtime in `content`. Raises `InvalidInput` for anything `render_runtime` would not say.

    The names of the wheels are those of files, so none of them leaves its folder.
    """
    value = parse_object(content, "runtime")
    if value.get("version") != RUNTIME_VERSION:
        raise InvalidInput(
            f"runtime has version {value.get('version')!r}, expected {RUNTIME_VERSION}",
            hint="use the goldenpath release that made it, or build the model again",
        )
    runtime = typed(value, Runtime, "runtime")
    if render_runtime(runtime) != content:
        raise InvalidInput("runtime is not in canonical form, or has keys that are unknown")
    for wheel in runtime.wheels:
        if "/" in wheel.file or "\\" in wheel.file or not wheel.file.endswith(".whl"):
            raise InvalidInput(f"runtime names a wheel {wheel.file!r}: expected the name of a file")
    return runtime
