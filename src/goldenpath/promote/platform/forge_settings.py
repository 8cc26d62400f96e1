"""What is outside of this machine: `[forge]` and `[cluster]` in `platform.toml`.

A token is sent to this address, so only a signed commit may change it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeGuard, get_args

from goldenpath.parsers.toml_text import quoted
from goldenpath.promote.platform.toml_table import Table

Kind = Literal["github", "gitlab", "gitea"]

_URL = re.compile(r"https://[^/\s@?#]+(/[^\s@?#]*)?|http://(localhost|127(\.\d+){3})(:\d+)?(/\S*)?")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+")


@dataclass(frozen=True, slots=True)
class ForgeSettings:
    """One repository on one forge. Forgejo has the same interface as Gitea."""

    kind: Kind
    url: str
    """The address of its REST interface, such as `https://git.example/api/v1`."""
    repository: str
    """`owner/name`; on GitLab any groups come first."""


def read_forge(table: Table) -> ForgeSettings | None:
    """Read the table `[forge]`. Faults are added to it; None if the kind is unknown."""
    kind, url, repository = table.text("kind"), table.text("url"), table.text("repository")
    table.end()
    if not _is_kind(kind):
        table.fault("kind", "github, gitlab or gitea (also for Forgejo)", kind)
        return None
    if _URL.fullmatch(url) is None:
        table.fault("url", "the https address of its REST interface", url)
    if _REPOSITORY.fullmatch(repository) is None:
        table.fault("repository", "owner/name", repository)
    return ForgeSettings(kind, url, repository)


def forge_lines(forge: ForgeSettings) -> Iterator[str]:
    """Yield the TOML lines of the table."""
    yield from ("", "[forge]", f"kind = {quoted(forge.kind)}")
    yield from (f"url = {quoted(forge.url)}", f"repository = {quoted(forge.repository)}")


def _is_kind(text: str) -> TypeGuard[Kind]:
    return text in get_args(Kind)


_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_GATEWAY = re.compile(rf"{_LABEL}/{_LABEL}")
_LONGEST_DOMAIN = 120
Profile = Literal["standard", "knative"]


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """The domain of the models, and the Gateway that their routes belong to."""

    domain: str = "models.internal"
    """A model answers at `<model>.<stage>.<domain>`."""
    gateway: str = "goldenpath/models"
    """Namespace and name of the Gateway."""
    profile: Profile = "standard"
    """How KServe runs the models; `cluster/overlays` has a folder for each."""


NO_CLUSTER = ClusterSettings()


def read_cluster(table: Table) -> ClusterSettings:
    """Read the table `[cluster]`. Faults are added to it."""
    domain = table.text("domain", NO_CLUSTER.domain)
    gateway = table.text("gateway", NO_CLUSTER.gateway)
    profile = table.text("profile", NO_CLUSTER.profile)
    table.end()
    if not _is_profile(profile):
        table.fault("profile", "standard or knative", profile)
        profile = NO_CLUSTER.profile
    if _DOMAIN.fullmatch(domain) is None or len(domain) > _LONGEST_DOMAIN:
        table.fault("domain", f"a DNS domain of at most {_LONGEST_DOMAIN} characters", domain)
    if _GATEWAY.fullmatch(gateway) is None:
        table.fault("gateway", "namespace/name", gateway)
    return ClusterSettings(domain, gateway, profile)


def cluster_lines(cluster: ClusterSettings) -> Iterator[str]:
    """Yield the TOML lines of the table; none for the defaults, so that old files stay equal."""
    if cluster != NO_CLUSTER:
        yield from ("", "[cluster]", f"domain = {quoted(cluster.domain)}")
        yield f"gateway = {quoted(cluster.gateway)}"
    if cluster.profile != NO_CLUSTER.profile:
        yield f"profile = {quoted(cluster.profile)}"


def _is_profile(text: str) -> TypeGuard[Profile]:
    return text in get_args(Profile)
