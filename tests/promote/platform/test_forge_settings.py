"""`[cluster]` in `platform.toml`: where models answer in a cluster, and how KServe runs them."""

from dataclasses import replace

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.platform.forge_settings import ClusterSettings
from goldenpath.promote.platform.platform import parse_platform, render_platform
from tests.promote.example import platform


@pytest.mark.parametrize(
    "cluster",
    [
        ClusterSettings(),
        ClusterSettings(profile="knative"),
        ClusterSettings("bank.example", "edge/models"),
        ClusterSettings("bank.example", "edge/models", "knative"),
    ],
)
def test_the_settings_of_a_cluster_are_read_back(cluster: ClusterSettings) -> None:
    written = render_platform(replace(platform(), cluster=cluster))

    assert parse_platform(written).cluster == cluster
    assert (b"[cluster]" in written) is (cluster != ClusterSettings())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('profile = "moon"', "standard or knative"),
        ('profile = ""', "standard or knative"),
        ('domain = "bank..example"', "a DNS domain"),
        ('domain = "Bank.example"', "a DNS domain"),
        ('domain = "bank.example\\n"', "a DNS domain"),
        (f'domain = "{"a." * 70}example"', "a DNS domain"),
        ('gateway = "models"', "namespace/name"),
        ('gateway = "edge/models/x"', "namespace/name"),
        ('namespace = "edge"', "namespace"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_expected(line: str, expected: str) -> None:
    content = render_platform(platform()) + f"\n[cluster]\n{line}\n".encode()

    with pytest.raises(InvalidInput, match=expected):
        parse_platform(content)
