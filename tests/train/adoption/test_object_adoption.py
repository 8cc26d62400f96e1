"""Objects of each library are opened in a sandbox and become a graph, a safe file, or a refusal."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.processes.confinement import confine
from goldenpath.train.adoption.adopted_contract import AdoptionWish
from goldenpath.train.adoption.adopted_project import Adoption
from goldenpath.train.adoption.adopting import read_adoption
from goldenpath.train.environment.uv_program import Uv
from tests.sizes import full_size
from tests.starter import UV, environment

pytestmark = [
    full_size("test_the_kind_is_told_by_the_bytes"),
    pytest.mark.timeout(900),
]
PACKAGES = ("scikit-learn", "lightgbm", "xgboost-cpu", "pandas", "joblib")
_MADE = """
import joblib, numpy as np, pandas as pd, lightgbm as lgb, xgboost as xgb
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

draw = np.random.default_rng(5)
n = 600
frame = pd.DataFrame({
    "client": np.arange(n),
    "age": draw.integers(18, 90, n),
    "income (EUR)": draw.lognormal(8, 1, n).round(2),
    "job": draw.choice(["clerk", "nurse", "other"], n),
})
frame.loc[::17, "income (EUR)"] = np.nan
odds = frame["age"] / 30 - 2 + (frame["job"] == "nurse")
frame["default"] = (draw.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
frame["claims"] = draw.poisson(np.exp(odds / 3))
frame["kind"] = np.where(odds > 1, "high", np.where(odds > 0, "mid", "low"))
frame.to_csv("rows.csv", index=False)
X = frame[["age", "income (EUR)", "job"]]
numbers = ["age", "income (EUR)"]
pipe = make_pipeline(
    ColumnTransformer([
        ("n", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        ("t", OneHotEncoder(handle_unknown="ignore"), ["job"]),
    ]),
    LogisticRegression(),
)
joblib.dump(pipe.fit(X, frame["default"]), "pipeline.joblib")
plain = frame[["age"]].to_numpy(float)
joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(plain, frame["kind"]),
            "classes.joblib", compress=3)
def thirds(rows):
    return np.cbrt(rows)
odd = make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression())
joblib.dump(odd.fit(plain, frame["default"]), "odd.joblib")
native = X.assign(job=X["job"].astype("category"))
joblib.dump(lgb.LGBMClassifier(n_estimators=20, verbose=-1).fit(native, frame["default"]),
            "native.pkl")
poisson = lgb.LGBMRegressor(objective="poisson", n_estimators=20, verbose=-1)
poisson.fit(frame[["age"]], frame["claims"]).booster_.save_model("poisson.txt")
several = xgb.XGBClassifier(n_estimators=10)
several.fit(frame[numbers], frame["kind"].map({"high": 0, "low": 1, "mid": 2}))
joblib.dump(several, "several.pkl")
binary = xgb.XGBClassifier(n_estimators=10).fit(frame[numbers], frame["default"])
binary.get_booster().save_model("binary.json")
"""


@dataclass(frozen=True)
class Brought:
    """What somebody brings: files, and an environment that made them."""

    folder: Path

    def adopt(self, file: str, target: str, **more: object) -> tuple[Adoption, list[str]]:
        said: list[str] = []
        wish = AdoptionWish(
            "it", self.folder / file, self.folder / "rows.csv", target=target, key="client",
            **more,  # type: ignore[arg-type]
        )  # fmt: skip
        adoption = read_adoption(wish, lambda: Uv(UV, environment(), confine()), said.append)
        assert isinstance(adoption, Adoption)
        return adoption, said


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Brought:
    folder = tmp_path_factory.mktemp("brought")
    variables: Mapping[str, str] = {**os.environ, **environment()}
    run = [UV, "run", "--no-project", *(word for name in PACKAGES for word in ("--with", name))]
    subprocess.run([*run, "python", "-c", _MADE], cwd=folder, env=variables, check=True)
    return Brought(folder)


def test_a_pipeline_with_texts_and_gaps_becomes_a_graph(brought: Brought) -> None:
    adoption, said = brought.adopt("pipeline.joblib", "default")
    kinds = {feature.name: feature for feature in adoption.contract.features}

    assert adoption.file == "model.onnx", said
    assert "gives the answers of the object" in " ".join(said)
    assert kinds["job"].texts == ("clerk", "nurse", "other")
    assert kinds["income_EUR"].missing
    assert adoption.contract.task == "probability"
    assert "sha256:" in adoption.source
    assert adoption.wish.score in adoption.table.column_names


def test_named_classes_keep_the_order_of_the_model(brought: Brought) -> None:
    adoption, said = brought.adopt("classes.joblib", "kind", features=("age",))

    assert adoption.contract.classes == ("high", "low", "mid")
    assert adoption.file == "model.onnx", said


def test_what_has_no_graph_is_kept_by_skops_and_no_pickle(brought: Brought) -> None:
    adoption, said = brought.adopt("odd.joblib", "default", features=("age",))

    assert adoption.file in ("model.skops", "model.onnx"), said
    if adoption.file == "model.skops":
        assert adoption.contract.python is not None
        assert any(name.startswith("skops==") for name in adoption.dependencies)


def test_native_categories_of_lightgbm_keep_their_numbers(brought: Brought) -> None:
    adoption, _ = brought.adopt("native.pkl", "default")
    job = adoption.contract.features[2]

    assert adoption.file == "model.txt"
    assert (job.kind, job.texts) == ("category", ("clerk", "nurse", "other"))
    assert "lightgbm==" in adoption.dependencies[0]


def test_counts_of_a_poisson_model_are_a_value(brought: Brought) -> None:
    adoption, _ = brought.adopt("poisson.txt", "claims", features=("age",), unit="claims",
                                task="value")  # fmt: skip

    assert adoption.contract.value is not None
    assert adoption.contract.value.unit == "claims"
    assert adoption.file == "model.txt"


@pytest.mark.parametrize(("file", "target"), [("several.pkl", "kind"), ("binary.json", "default")])
def test_models_of_xgboost_become_its_json(brought: Brought, file: str, target: str) -> None:
    adoption, _ = brought.adopt(file, target, features=("age", "income (EUR)"))
    body = json.loads(adoption.content)

    assert adoption.file == "model.json"
    assert "learner" in body
    width = len(adoption.contract.classes) or 1
    assert width == (3 if target == "kind" else 1)


def test_an_object_that_attacks_reaches_nothing(brought: Brought, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    import pickle

    class _Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (eval, (f"open({str(secret)!r}).read() or __import__('sklearn')",))

    (brought.folder / "attack.pkl").write_bytes(pickle.dumps(_Attack()))

    with pytest.raises(InvalidInput, match="cannot be opened"):
        brought.adopt("attack.pkl", "default")


def test_a_column_that_the_rows_lack_is_named(brought: Brought) -> None:
    with pytest.raises(InvalidInput, match="wages"):
        brought.adopt("pipeline.joblib", "default", features=("age", "wages"))
