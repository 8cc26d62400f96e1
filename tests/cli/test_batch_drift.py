"""`goldenpath drift --reference`: tables against a profile, without a home."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from goldenpath.drift.profile_format import render_profile
from tests.cli.saying import Command, Said
from tests.drift.simulated import profile_of


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "profile.json"
    path.write_bytes(render_profile(profile_of(2)))
    return path


def _rows(folder: Path, name: str, top: float) -> Path:
    random = np.random.default_rng(1)
    table = {"x0": random.uniform(0, top, 2000), "x1": random.uniform(0, 10, 2000)}
    path = folder / name
    pyarrow.parquet.write_table(pa.table({**table, "id": np.arange(2000)}), path)
    return path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def _drift(command: Command, *words: object) -> Said:
    return command("drift", "--reference", *map(str, words))


def test_a_batch_like_the_reference_and_one_that_differs(
    command: Command, reference: Path, tmp_path: Path
) -> None:
    same, other = _rows(tmp_path, "same", 10.0), _rows(tmp_path, "other", 5.0)

    said = _drift(command, reference, same, "--days", 20)
    assert said.code == 0 and said.out.startswith("no drift seen")
    assert "not compared: id" in said.err and "predictions are not compared" in said.err
    assert "with a chance of at most 1%" in said.out

    said = _drift(command, reference, other, "--days", 20, "--output", "json")
    found = json.loads(said.out)
    assert (said.code, found["rows"], found["verdict"]["answer"]) == (0, 2000, "drift")
    assert found["verdict"]["columns"][0]["name"] == "x0"


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("none.json", "rows"), 2, "none.json"),
        (("rows", "rows"), 2, "profile"),
        (("profile",), 2, "--reference needs tables"),
        (("profile", "none"), 2, "none"),
        (("profile", "rows", "--days", "0"), 2, "--days"),
    ],
)
def test_nonsense_is_said_in_one_sentence(
    command: Command,
    words: tuple[str, ...],
    code: int,
    reason: str,
    *,
    reference: Path,
    tmp_path: Path,
) -> None:
    rows = _rows(tmp_path, "rows", 10.0)
    paths = {"rows": rows, "profile": reference}

    said = _drift(command, *(paths.get(word, word) for word in words))

    assert (said.code, said.out) == (code, "")
    assert reason in said.err and said.is_orderly


def test_slices_are_compared_with_those_of_the_baseline(
    command: Command, reference: Path, tmp_path: Path
) -> None:
    usual, rows = _rows(tmp_path, "usual", 10.0), _rows(tmp_path, "rows", 5.0)
    for path in (usual, rows):
        table = pyarrow.parquet.read_table(path)
        group = pa.array(["a" if place % 2 else "b" for place in range(table.num_rows)])
        pyarrow.parquet.write_table(table.append_column("group", group), path)
    words = (reference, rows, "--slice", "group", "--baseline", usual, "--days", 20)

    said = _drift(command, *words)
    found = json.loads(_drift(command, *words, "--output", "json").out)

    assert said.code == 0 and "that chance covers the whole batch" in said.out
    assert "counting" in said.err
    assert [each["slice"] for each in found["slices"]] == ["a", "b"]
    assert {each["verdict"]["answer"] for each in found["slices"]} == {"drift"}
    assert _drift(command, reference, rows, "--slice", "group").code == 2
    assert command("drift", str(rows), "--slice", "group").code == 2
