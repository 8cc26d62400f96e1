"""Writes what a company needs to go on without goldenpath: manifests, releases, checks, a page.

Everything is copied as it is. A deployment or a release that cannot be read is named, and never
left out in silence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from goldenpath.compose.gitops_access import gitops, platform_store, statement_times
from goldenpath.compose.inventory_watch import desired
from goldenpath.compose.process_context import now
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.home import Home
from goldenpath.oci.copy import copy
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.gates.admission_policy import admission_of
from goldenpath.promote.manifests.deployment_files import is_applied_file
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.manifests.kustomize.packaged_files import packaged_files
from goldenpath.promote.manifests.object_names import service_name
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.release.artifact.unpack import unpack
from goldenpath.release.attest.policy import Demand
from goldenpath.release.attest.verify import Reading, gather, judge
from goldenpath.release.evidence.explain import ReleaseLocation, explain

RUNTIME_FILE = "runtime.yaml"
_PAGE = files("goldenpath.compose.leaving") / "leaving.md"


@dataclass(frozen=True, slots=True)
class Ejected:
    """What was written into a folder, and what could not be."""

    folder: str
    commit: str
    manifests: tuple[str, ...]
    releases: Mapping[str, str]
    """Digest by the name of its folder."""
    failing: tuple[str, ...]
    """Releases whose evidence does not hold now; their files are here all the same."""
    problems: Mapping[str, str]
    """Deployments that git declares and that could not be read, with the reason."""


def eject(home: Home, folder: Path) -> Ejected:
    """Write everything into a new folder. Raises `InvalidInput` if it exists."""
    if folder.exists():
        raise InvalidInput(f"{folder} exists already", hint="name a new folder")
    trusted, survey = desired(home)
    source, target = platform_store(home), folder / "registry"
    found = {name: digest for each in survey.deployments for name, digest in _releases(each)}
    manifests = tuple(_write_manifests(home, trusted, folder))
    failing = list[str]()
    for name, digest in sorted(found.items()):
        copy(source, LayoutStore(target), source.resolve(digest.text))
        unpack(source, digest, folder / "releases" / name)
        holds, script = _check(home, trusted, source, digest)
        (folder / "checks").mkdir(exist_ok=True)
        write_whole(folder / "checks" / f"{name}.sh", script.encode())
        failing += [] if holds else [digest.text]
    text = _PAGE.read_text("utf-8").replace("COMMIT", trusted.commit)
    write_whole(folder / "README.md", text.encode())
    releases = {name: digest.text for name, digest in sorted(found.items())}
    return Ejected(
        str(folder), trusted.commit, manifests, releases, tuple(failing), survey.problems
    )


def _releases(deployment: Deployment) -> Iterator[tuple[str, Digest]]:
    for slot in deployment.releases:
        yield service_name(deployment.model, slot.digest), slot.digest


def _write_manifests(home: Home, trusted: Trusted, folder: Path) -> Iterator[str]:
    """Write what Argo CD applies, and the runtime that names our serving image."""
    declared = gitops(home).files(trusted.commit, "envs")
    applied = {
        path: content for path, content in declared.items()
        if is_applied_file(path.rpartition("/")[2])
    }  # fmt: skip
    written = gitops(home).files(trusted.commit, "cluster")
    owned = written or packaged_files("owned", trusted.platform)
    runtimes = {
        f"envs/{RUNTIME_FILE}": content for path, content in owned.items()
        if path.rpartition("/")[2] == RUNTIME_FILE
    }  # fmt: skip
    for path, content in sorted({**applied, **runtimes}.items()):
        place = Path("manifests", *Path(path).parts[1:])
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / place, content)
        yield place.as_posix()


def _check(home: Home, trusted: Trusted, store: Store, digest: Digest) -> tuple[bool, str]:
    """Return whether the evidence of a release holds, and the script that checks it elsewhere."""
    admission = admission_of(trusted.platform)
    times, _whose = statement_times(home, trusted)
    demand = Demand(digest, admission.policy, admission.people, now(), times)
    documents = gather(store, digest, reading=Reading(demand))
    verified = judge(digest, documents, admission.policy, admission.people, now=now(), seen=times)
    place = ReleaseLocation(folder="registry")
    script = explain(verified, documents, admission.policy, admission.people, place=place)
    return verified.holds, script
