"""The pattern by which Argo CD chooses the files of a deployment."""

import re
from fnmatch import fnmatchcase

import yaml

from goldenpath.promote.manifests.cluster import render_cluster
from goldenpath.promote.manifests.deployment_files import is_applied_file
from tests.promote.example import platform

FILES = (
    "route.yaml",
    "inferenceservice.yaml",
    "credit-0123abcd.yaml",
    "credit-0123abcg.yaml",
    "credit-0123abc.yaml",
    "credit-0123abcde.yaml",
    "release.yaml",
    "other.yaml",
    "route.yaml.bak",
)


def _pattern() -> str:
    application_set = yaml.safe_load(render_cluster(platform())["argocd/applicationset.yaml"])
    include = application_set["spec"]["template"]["spec"]["source"]["directory"]["include"]
    assert isinstance(include, str)
    return include


def test_argo_cd_applies_the_very_files_that_goldenpath_reads() -> None:
    alternatives = _pattern().removeprefix("{").removesuffix("}").split(",")

    applied = {file for file in FILES if any(fnmatchcase(file, each) for each in alternatives)}

    assert applied == {file for file in FILES if is_applied_file(file)}


def test_a_class_of_characters_is_a_list_or_one_range() -> None:
    """Its matcher refuses the whole pattern for another one, and then no file is applied."""
    classes = re.findall(r"\[([^\]]*)\]", _pattern())

    assert classes
    assert all("-" not in each or len(each) == 3 for each in classes)
