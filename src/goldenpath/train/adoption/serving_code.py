"""The code that serves an adopted model that is no ONNX graph, and what it needs. Pure.

It is written into the new project, so people read and change it there.
"""

from collections.abc import Mapping, Sequence

from goldenpath.project.spec import Feature

_HEAD = '''"""Serves the adopted model. {about}"""

from collections.abc import Callable
from pathlib import Path

{imports}


def load(files: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return what scores rows: float32, in the order of the contract."""
'''
_LIGHTGBM = """    booster = lightgbm.Booster(model_file=str(files / "model.txt"))

    def predict(rows: np.ndarray) -> np.ndarray:
        return np.asarray(booster.predict(rows, num_threads=1))

    return predict
"""
_XGBOOST = """    booster = xgboost.Booster()
    booster.load_model(str(files / "model.json"))
    booster.set_param({"nthread": 1})
    best = booster.attributes().get("best_iteration")
    # Trees after the best round of an early stop do not count, as in the object itself.
    rounds = (0, 0 if best is None else int(best) + 1)

    def predict(rows: np.ndarray) -> np.ndarray:
        return np.asarray(
            booster.inplace_predict(rows, iteration_range=rounds, validate_features=False)
        )

    return predict
"""
_OBJECT = '''    model = OPENED
    has_names = getattr(model, "feature_names_in_", None) is not None

    def predict(rows: np.ndarray) -> np.ndarray:
        table = named(rows) if has_names or TEXTS else rows
        return np.asarray(model.METHOD(table))

    return predict


def named(rows: np.ndarray) -> pd.DataFrame:
    """Return rows as the table that the model was trained with: names, and texts for codes."""
    columns = {name: rows[:, place] for place, name in enumerate(COLUMNS)}
    for name, texts in TEXTS.items():
        codes = np.nan_to_num(columns[name], nan=len(texts)).astype(int)
        columns[name] = np.array([*texts, None], object)[codes]
    return pd.DataFrame(columns)
'''
_ABOUT = {
    "lightgbm": "LightGBM's text format runs no code when it is read.",
    "xgboost": "XGBoost's JSON format runs no code when it is read.",
    "skops": "A file of skops makes only objects of the types that are listed here.",
    "pickle": "A pickle runs code when it is opened: a stage with the gate `scan` refuses it.",
}
_IMPORTS = {
    "lightgbm": "import lightgbm\nimport numpy as np",
    "xgboost": "import numpy as np\nimport xgboost",
    "skops": "import numpy as np\nimport pandas as pd\nfrom skops.io import load as load_object",
    "pickle": "import joblib\nimport numpy as np\nimport pandas as pd",
}
SERVED: Mapping[str, tuple[str, ...]] = {
    "lightgbm": ("lightgbm", "numpy"),
    "xgboost": ("numpy", "xgboost-cpu"),
    "skops": ("numpy", "pandas", "scikit-learn", "skops"),
    "pickle": ("joblib", "numpy", "pandas", "scikit-learn"),
}
"""The packages that a served model needs, by its form."""


def serving_code(
    form: str,
    features: Sequence[Feature],
    columns: Sequence[str],
    *,
    method: str,
    types: Sequence[str] = (),
) -> str:
    """Return the module `serve.py`.

    `method` is what an object is asked by, `types` are those that skops may make.
    """
    head = _HEAD.format(about=_ABOUT[form], imports=_IMPORTS[form])
    if form not in ("skops", "pickle"):
        return head + (_LIGHTGBM if form == "lightgbm" else _XGBOOST)
    texts = {
        column: feature.texts
        for feature, column in zip(features, columns, strict=True)
        if feature.texts
    }
    constants = f"COLUMNS = {tuple(columns)!r}\nTEXTS: dict[str, tuple[str, ...]] = {texts!r}\n"
    opened = 'joblib.load(files / "model.joblib")'
    if form == "skops":
        constants += f"TYPES = {list(types)!r}\n"
        opened = 'load_object(files / "model.skops", trusted=TYPES)'
    head = head.replace("\n\n\ndef load", f"\n\n{constants}\n\ndef load")
    return head + _OBJECT.replace("OPENED", opened).replace("METHOD", method)
