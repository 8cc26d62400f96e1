"""One pattern says which paths are the files of a deployment, for whoever judges a commit."""

import pytest

from goldenpath.promote.manifests.deployment_files import release_path, route_path, service_path
from goldenpath.promote.manifests.deployment_path import DEPLOYMENT_PATH, MODEL_NAME


@pytest.mark.parametrize(
    "path",
    [
        service_path("prod", "credit"),
        release_path("dev", "a-2"),
        route_path("prod", "credit"),
        "envs/prod/credit/credit-0a1b2c3d.yaml",
    ],
)
def test_the_files_of_a_deployment_are_taken_with_their_names(path: str) -> None:
    match = DEPLOYMENT_PATH.fullmatch(path)

    assert match is not None
    assert f"envs/{match['stage']}/{match['model']}/{match['file']}.yaml" == path


@pytest.mark.parametrize(
    "path",
    [
        "envs/prod/credit\n/inferenceservice.yaml",
        "envs/prod/credit/fraud-0a1b2c3d.yaml",
        "envs/prod/credit/credit-0a1b2c3.yaml",
        "envs/prod/credit/credit-0A1B2C3D.yaml",
        "envs/prod/credit/credit-0a1b2c3d4.yaml",
        "envs/prod/credit/routes.yaml",
        "envs/prod/credit/inferenceservice.yaml\n",
        "envs/prod\nx/credit/release.yaml",
        "envs/prod/cr\u00e9dit/release.yaml",
        "envs/prod/credit\u200b/release.yaml",
        "envs/prod/\u0441redit/release.yaml",  # a Cyrillic letter
        "envs/prod/credit\u0661/release.yaml",  # a digit of another script
        "envs/prod/../release.yaml",
        "envs/../credit/release.yaml",
        "envs/prod/./release.yaml",
        "envs//credit/release.yaml",
        "envs/prod/Credit/release.yaml",
        "envs/PROD/credit/release.yaml",
        "ENVS/prod/credit/release.yaml",
        "envs/prod/credit/Release.yaml",
        "envs/prod/credit/release.yml",
        "envs/prod/credit/releaseXyaml",
        "envs/prod/credit/release.yaml/x",
        "envs/prod/credit/more/release.yaml",
        "/envs/prod/credit/release.yaml",
        "x/envs/prod/credit/release.yaml",
        "envs/prod/-credit/release.yaml",
        "envs/prod/credit-/release.yaml",
        f"envs/prod/{'a' * 41}/release.yaml",
        "envs/prod/cre dit/release.yaml",
        "envs/prod/credit\0/release.yaml",
        "envs/prod/credit\ufffd/release.yaml",
    ],
)
def test_any_other_path_is_another_file(path: str) -> None:
    assert DEPLOYMENT_PATH.fullmatch(path) is None


def test_the_longest_name_of_a_model_is_taken() -> None:
    assert MODEL_NAME.fullmatch("a" * 40) is not None
