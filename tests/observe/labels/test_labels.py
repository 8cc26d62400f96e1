"""Labels that come late, in parts, with corrections and with faults, joined with a real log."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.observe.labels.label_store import add_labels, known_labels, latest, read_labels
from goldenpath.observe.labels.performance_report import PerformanceReport, performance_report
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.segment import checkpoints, table_of
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.release.attest.keys import PemSigner, generate_key
from goldenpath.train.evaluation.evaluation_rows import Rows
from tests.observe.spooling import (
    CONTRACT,
    DIGEST,
    FACTS,
    answer,
    draw,
    score,
    spool_path,
    write_spool,
)

Floats = NDArray[np.float64]
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
EVALUATED = score(draw(5000, 9)).astype(np.float64)
ROWS = Rows(
    np.array([str(n).zfill(16) for n in range(5000)], "S16"),
    (np.random.default_rng(9).random(5000) < EVALUATED).astype(float),
    EVALUATED.reshape(-1, 1),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose log has 40 requests of 50 rows each."""
    home = Home(tmp_path_factory.mktemp("home"))
    generate_key(home.log_key)
    answered = [answer(number, draw(50, number)) for number in range(40)]
    write_spool(spool_path(home.spool), answered)
    subjects = Subjects(home.keys)
    log = PredictionLog(
        home.predictions, subjects, PemSigner.load(home.log_key), lambda digest: FACTS
    )
    for batch in Tail(home.spool, log.resume, pytest.fail).batches():
        log.add(batch, 0.0)
        log.seal(batch.path, NOW)
    subjects.close()
    return home


def logged(home: Home) -> tuple[list[str], Floats]:
    (path,) = checkpoints(home.predictions, "prod", "credit")
    table = pq.read_table(table_of(path), columns=["prediction_id", "score"])
    return list(map(str, table["prediction_id"].to_pylist())), table["score"].to_numpy().astype(
        np.float64
    )


def labels_of(names: list[str], values: Sequence[float] | Floats) -> pa.Table:
    return pa.table({"prediction_id": names, "label": pa.array(values, pa.float64())})


def report(home: Home, until: datetime, rows: Rows | None = ROWS) -> PerformanceReport:
    return performance_report(
        home, "prod", "credit", until=until,
        contract_of=lambda digest: CONTRACT, rows_of=lambda digest: rows,
    )  # fmt: skip


def test_metrics_are_as_known_then_and_as_known_now(home: Home, tmp_path: Path) -> None:
    home = Home(_copied(home, tmp_path))
    names, scores = logged(home)
    random = np.random.default_rng(5)
    right = (random.random(len(scores)) < scores).astype(float)
    broken = (random.random(len(scores)) < np.sqrt(scores)).astype(float)
    add_labels(home.labels, "prod", "credit", labels_of(names[:500], right[:500]), now=NOW)
    later = NOW + timedelta(days=30)
    add_labels(home.labels, "prod", "credit", labels_of(names[500:], broken[500:]), now=later)
    unknown = labels_of(["f" * 32 + "-0"], [1.0])
    add_labels(home.labels, "prod", "credit", unknown, now=later)

    (before,) = report(home, NOW - timedelta(seconds=1)).releases
    (then,) = report(home, NOW).releases
    now = report(home, later)

    assert (before.answers, before.labelled, before.realised) == (2000, 0, ())
    assert {each.metric for each in before.estimated} >= {"roc_auc", "brier", "accuracy_at_0.3"}
    assert then.labelled == 500 and then.calibration is not None
    assert "no broken calibration was found" in then.calibration.sentence
    (last,) = now.releases
    assert last.labelled == 2000 and last.calibration is not None and now.unmatched == 1
    assert last.calibration.flagged_at > 500 and "broken" in last.calibration.sentence
    assert report(home, NOW).releases[0] == then


def _copied(home: Home, target: Path) -> Path:
    import shutil

    return Path(shutil.copytree(home.root, target / "home"))


def test_a_correction_counts_and_what_was_known_stays(home: Home, tmp_path: Path) -> None:
    names, _ = logged(home)
    folder = tmp_path / "labels"
    add_labels(folder, "prod", "credit", labels_of(names[:2], [0.0, 0.0]), now=NOW)
    add_labels(
        folder, "prod", "credit", labels_of(names[1:3], [1.0, 1.0]), now=NOW + timedelta(hours=1)
    )

    then = latest(known_labels(folder, "prod", "credit", NOW))
    now = latest(known_labels(folder, "prod", "credit", NOW + timedelta(hours=1)))

    assert {name: label for name, (label, _) in then.items()} == dict.fromkeys(names[:2], 0.0)
    assert [now[name][0] for name in names[:3]] == [0.0, 1.0, 1.0]


def test_without_evaluation_rows_nothing_is_estimated_and_that_is_said(home: Home) -> None:
    (release,) = report(home, NOW, rows=None).releases

    assert release.release == DIGEST and release.answers == 2000
    assert release.estimated == () and release.calibration is None
    assert release.notes == (
        "the evaluation rows of the release are not known: nothing is estimated",
    )


def test_a_changed_segment_is_a_gap_and_not_silence(home: Home, tmp_path: Path) -> None:
    copy = Home(_copied(home, tmp_path))
    (path,) = checkpoints(copy.predictions, "prod", "credit")
    content = bytearray(table_of(path).read_bytes())
    content[len(content) // 2] ^= 1
    table_of(path).write_bytes(content)

    found = report(copy, NOW)

    assert found.releases == () and len(found.gaps) == 1 and path.name in found.gaps[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "prediction_id,label\n" + "a" * 32 + ",0.5\n",
            "row 1: the label is '0.5': expected 0 or 1",
        ),
        ("prediction_id,label\n" + "a" * 32 + ",\n", "row 1: the label is"),
        ("prediction_id,label\n" + "a" * 31 + ",1\n", "is no prediction id"),
        ("prediction_id,label\n" + "a" * 32 + "-x,1\n", "is no prediction id"),
        ("id,label\n1,1\n", "has no column prediction_id: its columns are id, label"),
        (
            "prediction_id,label\n" + "a" * 32 + ",1\n" + "a" * 32 + "-0,0\n",
            "row 2: prediction a{32}-0 has the label 0 here and 1 in an earlier row",
        ),
        ("", "cannot be read"),
    ],
)
def test_faults_name_row_and_value(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(text)

    with pytest.raises(InvalidInput, match=message):
        read_labels(file)


def test_csv_and_parquet_say_the_same_and_equal_rows_count_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prediction_id,label,x\n" + ("1" * 32 + ",1,y\n") * 2)
    pq.write_table(labels_of(["1" * 32], [1.0]), tmp_path / "a.parquet")

    assert read_labels(tmp_path / "a.csv") == read_labels(tmp_path / "a.parquet")
    with pytest.raises(InvalidInput, match="is no table"):
        read_labels(Path(__file__))
