"""Finds the model file in what MLflow keeps: a folder with `MLmodel`, or a URI that names one.

Only `MLmodel` is read here, as bounded YAML; MLflow itself is asked in a process of its own, and
only to fetch files.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.parsers.typed import typed
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.processes.tool import run_tool
from goldenpath.project.task.feature_names import model_name
from goldenpath.train.adoption.model_file import VERSION

DESCRIPTION = "MLmodel"
_SCHEMES = ("models:/", "runs:/")
_MAX_DESCRIPTION = 1024 * 1024
_SECONDS = 900.0
_KEPT_BY = {
    "sklearn": ("pickled_model", "sklearn_version", "scikit-learn"),
    "lightgbm": ("data", "lgb_version", "lightgbm"),
    "xgboost": ("data", "xgb_version", "xgboost-cpu"),
    "onnx": ("data", "onnx_version", "onnx"),
}
"""For each flavor the key of its file, the key of its library's version, and the library."""
_ALWAYS = ("joblib", "cloudpickle", "pandas")
"""What opens an object that MLflow pickled."""
_WITH = {"sklearn": ("skl2onnx", "onnx", "skops"), "lightgbm": ("scikit-learn",),
         "xgboost": ("scikit-learn",)}  # fmt: skip


class _Description(msgspec.Struct):
    """The part of `MLmodel` that counts here."""

    flavors: dict[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class MlflowModel:
    """The file of a model, and the packages that open it."""

    file: Path
    requirements: tuple[str, ...]


def name_of(source: str) -> str:
    """Return a name for the model of a file or a URI."""
    registered = source.removeprefix(_SCHEMES[0])
    if registered != source:
        return model_name(registered.partition("/")[0].partition("@")[0])
    return model_name(Path(source).stem)


@contextmanager
def fetched(source: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the file or folder that `source` names; a URI of MLflow is fetched for the block.

    Raises `NotFound` if there is no such file, and `Unavailable` if MLflow cannot fetch it.
    """
    if not source.startswith(_SCHEMES):
        if not Path(source).exists():
            raise NotFound(
                f"{source} does not exist",
                hint="name a file, a folder of MLflow, models:/NAME/VERSION or runs:/ID/PATH",
            )
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="goldenpath-mlflow-") as folder:
        command = [
            sys.executable,
            "-m",
            "goldenpath.train.adoption.mlflow_download",
            source,
            folder,
        ]
        done = run_tool(command, seconds=_SECONDS, environment=environment)
        if done.exit_code != 0:
            raise Unavailable(
                f"MLflow cannot fetch {source}: {done.complaint}",
                hint="set MLFLOW_TRACKING_URI to the server that knows it",
            )
        yield Path(done.output.decode("utf-8").strip().splitlines()[-1])


def mlflow_model(folder: Path) -> MlflowModel:
    """Return the model in a folder that MLflow saved.

    Raises `InvalidInput` if it has no flavor that can be taken over.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise InvalidInput(
            f"{folder} has no file {DESCRIPTION}: expected a folder that MLflow saved",
            hint="name the file of the model itself",
        )
    with path.open("rb") as file:
        content = file.read(_MAX_DESCRIPTION + 1)
    described = parse_yaml(content, str(path), limit=_MAX_DESCRIPTION)
    flavors = typed(described, _Description, str(path)).flavors
    flavor = next((name for name in _KEPT_BY if name in flavors), None)
    if flavor is None:
        raise InvalidInput(
            f"{path} has the flavors {', '.join(sorted(flavors))[:200]}: expected one of "
            f"{', '.join(_KEPT_BY)}",
            hint="export the model as ONNX; or start with goldenpath new --framework python",
        )
    key, version_key, package = _KEPT_BY[flavor]
    name, version = flavors[flavor].get(key), flavors[flavor].get(version_key)
    if not isinstance(name, str) or not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise InvalidInput(f"{path} names no file of the model: expected {flavor}.{key}")
    return MlflowModel(_file(folder / name), _requirements(flavor, package, version))


def _file(path: Path) -> Path:
    """Return the file of a model; some flavors keep it in a folder with others."""
    if path.is_dir():
        inside = sorted(entry for entry in path.iterdir() if entry.is_file())
        graphs = [entry for entry in inside if entry.suffix == ".onnx"]
        if len(graphs) != 1:
            raise InvalidInput(f"{path} has {len(graphs)} ONNX files: expected one")
        return graphs[0]
    if not path.is_file():
        raise InvalidInput(f"{path} does not exist, and {DESCRIPTION} names it")
    return path


def _requirements(flavor: str, package: str, version: object) -> tuple[str, ...]:
    if flavor == "onnx":
        return ()
    is_known = isinstance(version, str) and VERSION.fullmatch(version) is not None
    pinned = f"{package}=={version}" if is_known else package
    return (pinned, *_WITH[flavor], *_ALWAYS)
