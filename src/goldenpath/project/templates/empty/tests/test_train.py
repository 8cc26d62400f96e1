"""The properties of the training that the platform relies on."""

from pathlib import Path

import pyarrow.parquet as pq

from my_model.train import train

DATA = {"rows": Path(__file__).parents[1] / "data" / "rows.parquet"}


def test_it_leaves_the_model_and_both_tables(tmp_path: Path) -> None:
    train(DATA, tmp_path, {"sample": 200}, seed=1)

    assert (tmp_path / "model.onnx").is_file()
    for name in ("reference", "evaluation"):
        table = pq.read_table(tmp_path / f"{name}.parquet")
        assert {"key", "target", "score", "amount"} <= {*table.column_names}
