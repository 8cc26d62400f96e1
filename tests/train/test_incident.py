"""The incident in the real data: in September a status code appears that was rare before."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from goldenpath.drift.profile import count
from goldenpath.drift.sequential import Detector, State, look
from goldenpath.project.load import load_project
from goldenpath.train.evaluation.score import model_scores
from goldenpath.train.run import Trained


def _month(starter: Path, month: str) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    table = pq.read_table(starter / "data/clients.parquet")
    order = np.random.default_rng(1).permutation(table.num_rows)
    names = {name: name for name in ("limit", "age", "education")}
    names |= {name: f"{name}_{month}" for name in ("status", "bill", "paid")}
    return {
        name: table[column].to_numpy()[order].astype(np.float32) for name, column in names.items()
    }


@pytest.mark.parametrize(
    ("month", "drifting"),
    [
        ("2005_05", None),
        ("2005_06", None),
        ("2005_07", None),
        ("2005_08", None),
        ("2005_09", "status"),
    ],
)
def test_only_september_raises_an_alarm_and_it_names_the_status(
    starter: Path, trained: Trained, month: str, drifting: str | None
) -> None:
    contract = load_project(starter).contract
    table = _month(starter, month)
    scores = model_scores(trained.outputs / "model.onnx", contract, table).astype(np.float32)
    rows = np.column_stack([table[feature.name] for feature in contract.features])
    detector = Detector.of(trained.profile, contract.monitor)
    state, alarm = State.fresh(trained.profile), None

    for start in range(0, 10_000, contract.monitor.look_rows):
        part = slice(start, start + contract.monitor.look_rows)
        state, evidence = look(
            detector, state, count(trained.profile, rows[part], scores[part]), ""
        )
        if evidence.is_alarm:
            alarm = trained.profile.columns[int(np.argmax(evidence.columns))].name
            break

    assert alarm == drifting
