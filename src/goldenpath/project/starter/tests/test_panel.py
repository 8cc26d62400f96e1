"""The properties of the panel that the training relies on."""

from pathlib import Path

import numpy as np
import pytest

from credit_default.panel import FEATURES, MONTHS, STATUS, STATUS_CODES, read_month, split

DATA = Path(__file__).parents[1] / "data" / "clients.parquet"


@pytest.mark.parametrize("month", MONTHS)
def test_every_month_has_every_client_and_only_known_codes(month: str) -> None:
    panel = read_month(DATA, month)

    assert panel.features.shape == (30_000, len(FEATURES))
    assert np.isfinite(panel.features).all()
    assert set(np.unique(panel.features[:, STATUS])) <= set(STATUS_CODES)


def test_the_target_is_the_status_of_the_next_month() -> None:
    april, may = read_month(DATA, "2005-04"), read_month(DATA, "2005-05")

    assert (april.target == (may.features[:, STATUS] >= 2)).all()


def test_no_client_is_in_both_parts_of_the_split() -> None:
    training, evaluation = split(read_month(DATA, "2005-04"), evaluation=0.2, seed=1)

    assert len(evaluation) == 6_000
    assert not set(training.client) & set(evaluation.client)


def test_an_unknown_month_is_refused() -> None:
    with pytest.raises(ValueError, match="2005-10"):
        read_month(DATA, "2005-10")
