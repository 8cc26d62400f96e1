"""Opens a model object, scores rows with it, and writes it in a form that runs no code when read.

A training uses its functions. `goldenpath adopt` runs it as a script, in a sandbox: to open a pickle
is to run what is in it. It uses the standard library and the model's own packages only. Then the
request is one line of JSON on standard input, and the answer are files in the folder `out`.
"""

import json
import os
import re
import runpy
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import lightgbm
    import xgboost

Columns = Mapping[str, Sequence[object]]
"""The values of each column, None where one is missing."""


class _Model(Protocol):
    """Whatever was pickled: it answers rows. What else it can is asked where it matters."""

    def predict(self, rows: object) -> object:
        """Return the answers to rows."""


def main() -> None:
    """Open, score and write the object of the request."""
    request = json.loads(sys.stdin.readline())
    out = Path(request["out"])
    if request["kind"] == "script":
        model = model_of_script(request["model"], request["work"], request["variable"])
    else:
        model = opened(request["kind"], request["model"])
    table = json.loads(Path(request["rows"]).read_text("utf-8"))
    columns = [str(name) for name in request["columns"]] or matched(columns_of(model), table)
    columns = columns or [str(name) for name in request["candidates"]]
    missing = [name for name in columns if name not in table]
    if missing:
        sys.exit(f"the model was trained with the column {missing[0]!r}, and the rows have none")
    rows = rows_of(model, table, columns)
    numbers = scores(model, rows, request["task"])
    about = {
        "columns": columns,
        "classes": _classes_of(model),
        "categories": {
            name: [str(each) for each in values]
            for name, values in categories_of(model, columns).items()
        },
        "versions": _versions(),
        **written(model, rows, columns, out),
    }
    _save(numbers, out)
    (out / "about.json").write_text(json.dumps(about), "utf-8")


def opened(kind: str, path: str) -> _Model:
    """Return the model in a file."""
    if kind == "lightgbm":
        import lightgbm

        text: _Model = lightgbm.Booster(model_file=path)
        return text
    if kind == "xgboost":
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(path)
        read: _Model = booster
        return read
    if kind == "skops":
        from skops.io import get_untrusted_types, load

        # The sandbox confines whatever these types do, as it confines a pickle.
        made: _Model = load(path, trusted=get_untrusted_types(file=path))
        return made
    import joblib  # it also opens what the standard library pickled

    model: _Model = joblib.load(path)
    return model


def model_of_script(script: str, folder: str, variable: str) -> _Model:
    """Run a script in `folder` and return the model that it leaves in a variable.

    Without a name it is the only variable that can predict.
    """
    os.chdir(folder)
    sys.argv = [script]
    os.environ["MPLBACKEND"] = "agg"  # no window of a figure waits for a person
    left = runpy.run_path(script, run_name="__main__")
    able = {
        name: value
        for name, value in left.items()
        if not name.startswith("_") and hasattr(value, "predict") and not isinstance(value, type)
    }
    chosen = {name: value for name, value in able.items() if not variable or name == variable}
    if len({id(value) for value in chosen.values()}) != 1:
        names = ", ".join(sorted(able)) or "none"
        sys.exit(
            f"the script leaves these models: {names}. Expected one"
            + (f", named {variable}" if variable else ": say its variable by --variable")
        )
    model: _Model = next(iter(chosen.values()))
    return model


def columns_of(model: _Model) -> list[str]:
    """Return the names of the columns that the model was trained with; empty if unknown."""
    names = getattr(model, "feature_names_in_", None)
    if names is None and _library(model) == "lightgbm":
        # Without names LightGBM calls columns Column_0 and so on.
        names = [name for name in _lightgbm(model).feature_name() if name != "Column_0"]
        names = names if len(names) == _lightgbm(model).num_feature() else None
    if names is None and _library(model) == "xgboost":
        names = _xgboost(model).feature_names
    return [] if names is None else [str(name) for name in names]


def matched(names: Sequence[str], table: Columns) -> list[str]:
    """Return the column of each name; a library may have replaced characters in it."""
    plain = {re.sub(r"[^A-Za-z0-9]+", "_", name): name for name in table}
    return [
        name if name in table else plain.get(re.sub(r"[^A-Za-z0-9]+", "_", name), name)
        for name in names
    ]


def categories_of(model: _Model, columns: Sequence[str]) -> dict[str, list[object]]:
    """Return the categories of the columns that LightGBM was given as categories of pandas."""
    if _library(model) != "lightgbm":
        return {}
    booster = _lightgbm(model)
    listed = booster.pandas_categorical or []
    if not listed:
        return {}
    dumped = booster.dump_model(num_iteration=1)["feature_infos"]
    named = [name for name in booster.feature_name() if dumped.get(name, {}).get("values")]
    if len(named) != len(listed):
        sys.exit(
            "LightGBM does not say which of its columns are categories, because one was constant "
            "in its training: leave that column out and train again"
        )
    own = dict(zip(booster.feature_name(), columns, strict=True))
    return {own[name]: list(values) for name, values in zip(named, listed, strict=True)}


def rows_of(model: _Model, table: Columns, columns: Sequence[str]) -> object:
    """Return the rows as a table with names, if there are texts or the model knows names."""
    import numpy as np

    chosen = {name: table[name] for name in columns}
    categories = categories_of(model, columns)
    has_texts = any(isinstance(value, str) for values in chosen.values() for value in values)
    has_names = getattr(model, "feature_names_in_", None) is not None
    if not (has_texts or has_names or categories):
        return np.array([chosen[name] for name in columns], np.float64).T
    import pandas as pd

    frame = pd.DataFrame(chosen)
    for name, values in categories.items():
        frame[name] = pd.Categorical(chosen[name], categories=values)
    own = columns_of(model)
    if has_names and matched(own, table) == list(columns):
        frame.columns = own
    return frame


def scores(model: _Model, rows: object, task: str) -> object:
    """Return what the model answers: probabilities where it has some, unless a value is wanted."""
    import numpy as np

    if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
        import xgboost

        names = getattr(model, "feature_names", None)
        return np.asarray(model.predict(xgboost.DMatrix(rows, feature_names=names)))
    if task != "value" and hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(rows))
    return np.asarray(model.predict(rows))


def written(model: _Model, rows: object, columns: Sequence[str], out: Path) -> dict[str, object]:
    """Write the model in the safest form that there is, and return which one that was."""
    library = _library(model)
    if library == "lightgbm":
        _lightgbm(model).save_model(str(out / "model.txt"))
        return {"form": "lightgbm", "file": "model.txt"}
    if library == "xgboost":
        _xgboost(model).save_model(str(out / "model.json"))
        return {"form": "xgboost", "file": "model.json"}
    # Beside the graph too: the graph counts only if it gives the same answers.
    object_form = _object_written(model, out)
    try:
        (out / "model.onnx").write_bytes(onnx_of(model, rows, columns))
    except Exception as error:  # whatever a converter says, the object itself is still there
        return {**object_form, "reason": f"{type(error).__name__}: {error}"[:500]}
    return {"form": "onnx", "file": "model.onnx", "otherwise": object_form}


def onnx_of(model: _Model, rows: object, columns: Sequence[str]) -> bytes:
    """Return the model as an ONNX graph, as far as skl2onnx can convert it."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    kinds = [("features", FloatTensorType([None, len(columns)]))]
    dtypes: Mapping[str, object] = dict(getattr(rows, "dtypes", {}))
    texts = {name for name, kind in dtypes.items() if str(kind) in ("object", "str", "string")}
    # A pipeline that picks columns by their names has one input for each of them.
    if texts or (dtypes and _picks(model)):
        kinds = [
            (name, (StringTensorType if name in texts else FloatTensorType)([None, 1]))
            for name in columns
        ]
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    made = to_onnx(model, initial_types=kinds, options=options)
    # The converter replaces characters in the names of inputs: give them their own names again.
    own = {given.name: name for given, (name, _) in zip(made.graph.input, kinds, strict=True)}
    for given in made.graph.input:
        given.name = own[given.name]
    for node in made.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = own.get(name, name)
    return bytes(made.SerializeToString())


def _object_written(model: _Model, out: Path) -> dict[str, object]:
    """Write the object by skops if all of its types are those of known libraries, else pickled."""
    try:
        from skops.io import dump, get_untrusted_types

        dump(model, out / "model.skops")
        types = [str(name) for name in get_untrusted_types(file=out / "model.skops")]
    except Exception as error:  # a type that skops cannot write
        types = [f"{type(error).__name__}: {error}"[:200]]
    if all(name.partition(".")[0] in ("sklearn", "numpy", "scipy") for name in types):
        return {"form": "skops", "file": "model.skops", "types": types}
    import joblib

    joblib.dump(model, out / "model.joblib")
    return {"form": "pickle", "file": "model.joblib", "types": types}


def _library(model: _Model) -> str:
    return type(model).__module__.partition(".")[0]


def _lightgbm(model: _Model) -> "lightgbm.Booster":
    return getattr(model, "booster_", model)


def _xgboost(model: _Model) -> "xgboost.Booster":
    get = getattr(model, "get_booster", None)
    booster: xgboost.Booster = model if get is None else get()
    return booster


def _classes_of(model: _Model) -> list[str]:
    classes = getattr(model, "classes_", None)
    return [] if classes is None else [str(each) for each in list(classes)]


def _picks(model: _Model) -> bool:
    """Return whether a pipeline has a step that picks columns by their names."""
    steps = [step for _, step in getattr(model, "steps", [])]
    return any(type(step).__name__ == "ColumnTransformer" for step in [model, *steps])


def _versions() -> dict[str, str]:
    installed = ((each.metadata["Name"], each.version) for each in distributions())
    return {str(name).lower().replace("_", "-"): version for name, version in installed}


def _save(numbers: object, out: Path) -> None:
    import numpy as np

    array = np.asarray(numbers, np.float64)
    np.save(out / "scores.npy", array if array.ndim == 2 else array[:, None])


if __name__ == "__main__":
    main()
