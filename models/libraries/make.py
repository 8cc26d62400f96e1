"""Makes the models that are brought, with their rows: `make.py NAME FOLDER`.

It runs in an environment of the libraries, as the models of other people were made. Every model is
a function, so that the lines that somebody wrote for it can be counted. Data are drawn by a seed.
"""

import inspect
import sys
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 3000
DRAW = np.random.default_rng(20260401)


def applicants() -> pd.DataFrame:
    """Draw people who ask for credit, with gaps."""
    frame = pd.DataFrame(
        {
            "client": np.arange(ROWS),
            "age": DRAW.integers(18, 85, ROWS),
            "income": DRAW.lognormal(8, 0.6, ROWS).round(2),
            "job": DRAW.choice(["clerk", "nurse", "teacher", "other"], ROWS),
            "region": DRAW.choice(["north", "south"], ROWS),
        }
    )
    odds = 1.5 - frame["income"] / 3000 - frame["age"] / 60 + (frame["job"] == "other")
    frame["default"] = (DRAW.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int)
    frame.loc[::13, "income"] = np.nan
    return frame


def credit(folder: Path) -> None:
    """Fit a pipeline of scikit-learn over numbers with gaps and texts."""
    frame = applicants()
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [("n", numbers, ["age", "income"]), ("t", OneHotEncoder(handle_unknown="ignore"), ["job"])]
    )
    model = make_pipeline(columns, LogisticRegression())
    joblib.dump(model.fit(frame[["age", "income", "job"]], frame["default"]), folder / "model.pkl")
    frame.to_csv(folder / "rows.csv", index=False)


def mortgage(folder: Path) -> None:
    """Fit XGBoost to applications for a mortgage, with the columns of the American HMDA data."""
    frame = pd.DataFrame(
        {
            "application": np.arange(ROWS),
            "loan_amount": DRAW.lognormal(12.3, 0.5, ROWS).round(-3),
            "income": DRAW.lognormal(4.4, 0.5, ROWS).round(0),
            "property_value": DRAW.lognormal(12.7, 0.5, ROWS).round(-3),
            "loan_term": DRAW.choice([180, 240, 360], ROWS, p=[0.1, 0.1, 0.8]),
            "debt_to_income": DRAW.normal(36, 9, ROWS).clip(5, 70).round(1),
            "derived_sex": DRAW.choice(["Female", "Male", "Joint"], ROWS),
        }
    )
    ratio = frame["loan_amount"] / frame["property_value"]
    odds = (frame["debt_to_income"] - 40) / 8 + (ratio - 0.9) * 2
    frame["denied"] = (DRAW.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int)
    names = ["loan_amount", "income", "property_value", "loan_term", "debt_to_income"]
    model = xgboost.XGBClassifier(n_estimators=60, max_depth=4)
    model.fit(frame[names], frame["denied"])
    model.get_booster().save_model(folder / "model.json")
    frame.to_csv(folder / "rows.csv", index=False)


def native(folder: Path) -> None:
    """Fit LightGBM with its own treatment of categories."""
    frame = applicants()
    rows = frame[["age", "income", "job"]].assign(job=frame["job"].astype("category"))
    model = lightgbm.LGBMClassifier(n_estimators=40, verbose=-1).fit(rows, frame["default"])
    joblib.dump(model, folder / "model.pkl")
    frame.to_csv(folder / "rows.csv", index=False)


def claims(folder: Path) -> None:
    """Fit LightGBM to counts of claims."""
    frame = applicants()
    frame["claims"] = DRAW.poisson(np.exp((frame["age"] - 50) / 40 - 1))
    model = lightgbm.LGBMRegressor(objective="poisson", n_estimators=40, verbose=-1)
    model.fit(frame[["age", "income"]], frame["claims"]).booster_.save_model(folder / "model.txt")
    frame.to_csv(folder / "rows.csv", index=False)


def rent(folder: Path) -> None:
    """Fit a regression whose answer is an amount of money."""
    frame = pd.DataFrame({"flat": np.arange(ROWS), "area": DRAW.normal(70, 20, ROWS).clip(20, 200)})
    frame["year"] = DRAW.integers(1900, 2025, ROWS)
    frame["rent"] = (
        frame["area"] * (8 + (frame["year"] - 1900) / 40) + DRAW.normal(0, 60, ROWS)
    ).round(2)
    model = GradientBoostingRegressor(n_estimators=60).fit(frame[["area", "year"]], frame["rent"])
    joblib.dump(model, folder / "model.pkl")
    frame.to_csv(folder / "rows.csv", index=False)


def digits(folder: Path) -> None:
    """Fit ten classes to pictures of digits."""
    pictures = load_digits()
    names = [f"pixel_{place}" for place in range(64)]
    frame = pd.DataFrame(pictures.data, columns=names).assign(digit=pictures.target)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    joblib.dump(model.fit(frame[names], frame["digit"]), folder / "model.pkl")
    frame.to_csv(folder / "rows.csv", index=False)


def script(folder: Path) -> None:
    """Write a training script that keeps what it made with joblib, as people have them."""
    applicants().to_csv(folder / "rows.csv", index=False)
    (folder / "train.py").write_text(
        "import joblib\n"
        "import pandas as pd\n"
        "from sklearn.ensemble import ExtraTreesClassifier\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.impute import KNNImputer\n"
        "\n"
        'frame = pd.read_csv("rows.csv")\n'
        'names = ["age", "income"]\n'
        "model = make_pipeline(KNNImputer(), ExtraTreesClassifier(30, random_state=1))\n"
        'model.fit(frame[names], frame["default"])\n'
        'joblib.dump(model, "model.joblib")\n',
        "utf-8",
    )


MADE = (credit, mortgage, native, claims, rent, digits, script)

if __name__ == "__main__":
    chosen = next(each for each in MADE if each.__name__ == sys.argv[1])
    target = Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    chosen(target)
    print(len(inspect.getsource(chosen).splitlines()))
