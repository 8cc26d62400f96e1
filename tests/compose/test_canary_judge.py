"""Where the judge gets its counts from: without a source there is no verdict."""

from pathlib import Path

import pytest

from goldenpath.compose.canary_judge import judged
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.release.attest.keys import generate_key
from tests.deploy.platform import OneMachine


def judge(platform: OneMachine) -> object:
    """The verdict on the model of the platform, which has no canary."""
    return judged(platform.home, platform.engineer, "credit", "dev", dry_run=True)


def test_without_a_source_of_counts_there_is_no_verdict(platform: OneMachine) -> None:
    with pytest.raises(InvalidInput, match="no source of counts") as caught:
        judge(platform)

    assert "GOLDENPATH_PROMETHEUS" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("variable", "content"),
    [("GOLDENPATH_PROMETHEUS_TOKEN_FILE", None), ("GOLDENPATH_PROMETHEUS_TOKEN_FILE", "ü")],
    ids=["absent", "not ascii"],
)
def test_a_token_that_cannot_be_read_is_refused_by_the_name_of_its_variable(
    platform: OneMachine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    content: str | None,
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("GOLDENPATH_PROMETHEUS", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, str(file))

    with pytest.raises(InvalidInput, match=variable):
        judge(platform)


def test_a_log_without_the_keys_that_sign_it_is_refused(
    platform: OneMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPATH_PREDICTIONS", str(tmp_path / "predictions"))

    with pytest.raises(InvalidInput, match="GOLDENPATH_LOG_KEYS"):
        judge(platform)


def test_with_a_source_a_model_that_no_promotion_brought_is_not_found(
    platform: OneMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_key(tmp_path / "log.pem", None)
    (tmp_path / "predictions").mkdir()
    monkeypatch.setenv("GOLDENPATH_PREDICTIONS", str(tmp_path / "predictions"))
    monkeypatch.setenv("GOLDENPATH_LOG_KEYS", str(tmp_path / "log.pub"))

    with pytest.raises(NotFound, match="credit is not in dev"):
        judge(platform)
