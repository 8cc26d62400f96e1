"""Names fit a DNS label, and no two objects share one."""

import pytest

from goldenpath.promote.manifests.object_names import (
    backend_name,
    length_refusal,
    longest_model,
    namespace_of,
    route_name,
    service_name,
    service_of_backend,
)
from tests.promote.example import ONE


@pytest.mark.parametrize(("stage", "most"), [("prod", 32), ("dev", 33), ("production", 26)])
def test_the_longest_model_name_fits_a_label_of_63_characters(stage: str, most: int) -> None:
    label = f"{backend_name(service_name('m' * most, ONE))}-{namespace_of(stage)}"

    assert longest_model(stage) == most
    assert len(label) == 63
    assert length_refusal("m" * most, [stage]) == ""
    assert f"at most {most}" in length_refusal("m" * (most + 1), [stage])


def test_the_tightest_stage_decides() -> None:
    refused = length_refusal("m" * 33, ["dev", "prod", "test"])

    assert "has 33 characters: expected at most 32" in refused
    assert "models-prod" in refused
    assert length_refusal("m" * 33, ["dev"]) == ""
    assert length_refusal("m" * 99, []) == ""


def test_a_stage_may_leave_no_room_at_all() -> None:
    assert "too long a name for any model" in length_refusal("m", ["s" * 40])


@pytest.mark.parametrize("backend", ["", "x", "m-predictor", "m-1234567-predictor", "m-12345678",
                                     "m-12345678-predictor-x", "-12345678-predictor"])  # fmt: skip
def test_a_backend_of_nobody_is_no_release(backend: str) -> None:
    assert service_of_backend(backend) == ""


def test_no_route_has_the_name_of_a_service() -> None:
    assert service_of_backend(backend_name(service_name("m", ONE))) == service_name("m", ONE)
    assert route_name("m-12345678") != service_name("m", ONE)
    assert service_of_backend(backend_name(route_name("m"))) == ""
