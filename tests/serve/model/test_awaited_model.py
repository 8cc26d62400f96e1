"""A code model whose caller waits: the same answers as under a server, and every failure said."""

from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from goldenpath.errors import GoldenPathError, Unavailable
from goldenpath.project.spec import PythonModel
from goldenpath.serve.model.awaited_model import AwaitedModel
from goldenpath.serve.model.loaded_release import load
from goldenpath.serve.model.worker import Workplace
from tests.serve.model.test_worker import MODEL, place
from tests.serve.process import packed_code
from tests.serve.running import CONTRACT, expected

CODE = replace(CONTRACT, python=PythonModel("scoring:load", time_limit=5.0))
ROWS = [[5000.0 + number, 20.0 + number % 60, 1.0, 3.0] for number in range(1500)]


def test_it_answers_rows_of_any_number_and_ends(tmp_path: Path) -> None:
    with closing(AwaitedModel(place(tmp_path), CODE, pytest.fail)) as model:
        scores = model.predict(np.array(ROWS, np.float32))
        process = model.process

        assert scores.reshape(-1).tolist() == pytest.approx(expected(ROWS), abs=1e-6)
        assert Path(f"/proc/{process}").exists()
    while Path(f"/proc/{process}").exists():  # killed, and the kernel may need a moment
        continue


@pytest.mark.parametrize(
    ("wish", "error", "message"),
    [(6, GoldenPathError, "no such applicant"), (1, Unavailable, "the model's process was lost")],
)
def test_a_failure_is_said(
    tmp_path: Path, wish: int, error: type[GoldenPathError], message: str
) -> None:
    with closing(AwaitedModel(place(tmp_path), CODE, lambda line: None)) as model:
        for _ in range(2):
            with pytest.raises(error, match=message):
                model.predict(np.array([[float(wish), 40.0, 1.0, 0.0]], np.float32))


def test_a_model_that_does_not_load_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"did not start: .*exit code"):
        AwaitedModel(place(tmp_path, "raise SystemExit(3)"), CODE, lambda line: None)


def test_a_release_answers_in_the_environment_of_its_own_wheels(tmp_path: Path) -> None:
    release = packed_code(tmp_path, MODEL)
    with ExitStack() as stack:
        content = load(release.launch(), datetime.now(UTC), stack)
        assert isinstance(content.model, Workplace)
        assert str(content.model.environment).startswith(release.launch().code.scratch)
        model = AwaitedModel(content.model, content.contract, pytest.fail)
        stack.callback(model.close)

        scores = model.predict(np.array(ROWS[:3], np.float32))

        assert scores.reshape(-1).tolist() == pytest.approx(expected(ROWS[:3]), abs=1e-6)
    assert not Path(content.model.environment).exists()
