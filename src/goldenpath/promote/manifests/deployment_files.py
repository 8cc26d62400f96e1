"""The files of a deployment: which there are, what they declare, and how a change writes them.

Argo CD syncs the same files to a cluster that the reconciler follows on one machine. There are two
forms: `routed_services` for new deployments, `single_service` for those of 0.1 and for Knative.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from goldenpath.errors import InvalidInput
from goldenpath.promote.manifests.deployment_path import MODEL_NAME
from goldenpath.promote.manifests.desired import Deployment, Restrictions
from goldenpath.promote.manifests.inference_manifest import ManifestReader
from goldenpath.promote.manifests.placement import is_marked, parse_placement
from goldenpath.promote.manifests.routed_services import (
    ROUTE_FILE,
    is_service_file,
    read_routed,
    render_routed,
)
from goldenpath.promote.manifests.single_service import read_single, render_single, services_of
from goldenpath.promote.manifests.unreadable_file import refuse_unreadable
from goldenpath.promote.platform.platform import Platform

SERVICE_FILE = "inferenceservice.yaml"
RELEASE_FILE = "release.yaml"
_PATH = re.compile(r"envs/(?P<stage>[^/]+)/(?P<model>[^/]+)/(?P<file>[^/]+)", re.DOTALL)
_MISPLACED = re.compile(
    r"envs/(?P<stage>[^/]+)/(?P<model>[a-z]([-a-z0-9]*[a-z0-9])?)"
    r"(?P<rest>|/(?P<file>[^/]+)/.+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Survey:
    """All deployments below `envs/`: those that could be read, and why others could not."""

    deployments: tuple[Deployment, ...]
    problems: Mapping[str, str]
    """One sentence for each unreadable deployment, by name (`stage/model`)."""
    ignored: tuple[str, ...]
    """Fields that KServe honours and one machine does not."""
    standing: Mapping[str, Restrictions] = field(default_factory=dict)
    """Restrictions by deployment name; most deployments have none."""


def deployment_folder(stage: str, model: str) -> str:
    """Return the folder of a deployment."""
    return f"envs/{stage}/{model}"


def service_path(stage: str, model: str) -> str:
    """Return the path of the InferenceService of a deployment in one service."""
    return f"envs/{stage}/{model}/{SERVICE_FILE}"


def route_path(stage: str, model: str) -> str:
    """Return the path of a deployment's route."""
    return f"envs/{stage}/{model}/{ROUTE_FILE}"


def release_path(stage: str, model: str) -> str:
    """Return the path of a deployment's release file."""
    return f"envs/{stage}/{model}/{RELEASE_FILE}"


def is_applied_file(file: str) -> bool:
    """Whether Argo CD applies a file of this name in a deployment's folder."""
    return file in (SERVICE_FILE, ROUTE_FILE) or is_service_file(file)


def folder_of(path: str) -> str:
    """Return the folder of the deployment that a path belongs to; empty if it is none of it.

    Something in the place of a file or of the folder belongs to it too: it makes it unreadable.
    """
    match = _PATH.fullmatch(path)
    if match is not None and (match["file"] == RELEASE_FILE or is_applied_file(match["file"])):
        return path.rpartition("/")[0]
    misplaced = _MISPLACED.fullmatch(path)
    if misplaced is None or not _is_in_place_of_one(misplaced["file"]):
        return ""
    return deployment_folder(misplaced["stage"], misplaced["model"])


def _is_in_place_of_one(file: str | None) -> bool:
    return file is None or file == RELEASE_FILE or is_applied_file(file)


def by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    """Return the paths of each deployment, by its folder; both sorted."""
    folders: dict[str, list[str]] = {}
    for path in sorted(paths):
        folder = folder_of(path)
        if folder:
            folders.setdefault(folder, []).append(path)
    return dict(sorted(folders.items()))


def render_deployment(
    deployment: Deployment, platform: Platform, current: Mapping[str, bytes] | None = None
) -> Mapping[str, bytes]:
    """Return the files that Argo CD applies, by path. Raises `InvalidInput` for a wrong deployment.

    `current` are the present files by path. What people wrote into them stays.
    """
    folder = deployment_folder(deployment.stage, deployment.model)
    present = {path.removeprefix(f"{folder}/"): each for path, each in (current or {}).items()}
    if deployment.form == "single":
        path = f"{folder}/{SERVICE_FILE}"
        return {path: render_single(deployment, platform, present.get(SERVICE_FILE), path)}
    single = present.get(SERVICE_FILE)
    if single is not None:
        present |= services_of(deployment, platform, single, f"{folder}/{SERVICE_FILE}")
    files = render_routed(deployment, platform, present, folder)
    return {f"{folder}/{name}": content for name, content in files.items()}


def changed_files(
    deployment: Deployment, platform: Platform, current: Mapping[str, bytes]
) -> Mapping[str, bytes | None]:
    """Return the files that make a change, by path; None removes one that is no longer declared."""
    written = render_deployment(deployment, platform, current)
    gone = (path for path in current if is_applied_file(path.rpartition("/")[2]))
    return {**{path: None for path in gone if path not in written}, **written}


def parse_deployments(files: Mapping[str, bytes], platform: Platform) -> tuple[Deployment, ...]:
    """Return every deployment. Raises `InvalidInput` that names each malformed one."""
    result = survey(files, platform)
    if result.problems:
        raise InvalidInput("; ".join(result.problems.values()))
    return result.deployments


def survey(files: Mapping[str, bytes], platform: Platform) -> Survey:
    """Return every deployment, and the problems of the malformed ones beside them."""
    deployments: list[Deployment] = []
    problems: dict[str, str] = {}
    ignored: list[str] = []
    standing: dict[str, Restrictions] = {}
    for folder, paths in by_folder(files).items():
        _, stage, model = folder.split("/")
        name = f"{stage}/{model}"
        wrong = next(filter(None, (_misplaced(path, files[path]) for path in paths)), "")
        if wrong:
            problems[name] = wrong
            continue
        own = {path.rpartition("/")[2]: files[path] for path in paths}
        if RELEASE_FILE in own:
            standing.update(_restrictions(name, own.pop(RELEASE_FILE)))
        if not own:
            continue
        try:
            deployment, unused = _read(folder, own, stage, model, platform=platform)
        except InvalidInput as error:
            problems[name] = error.message
        else:
            deployments.append(deployment)
            ignored.extend(unused)
    return Survey(tuple(deployments), problems, tuple(ignored), standing)


def _read(
    folder: str, files: Mapping[str, bytes], stage: str, model: str, *, platform: Platform
) -> tuple[Deployment, tuple[str, ...]]:
    """Return one deployment and the fields that one machine does not honour."""
    path = f"{folder}/{min(files)}"
    if platform.stage(stage) is None:
        raise InvalidInput(f"{path} is in the stage {stage!r}, which platform.toml does not list")
    if MODEL_NAME.fullmatch(model) is None:
        raise InvalidInput(f"{path} has a model name that KServe would refuse: {model!r}")
    if SERVICE_FILE not in files:
        return read_routed(folder, files, stage, model, platform=platform)
    if len(files) > 1:
        other = min(each for each in files if each != SERVICE_FILE)
        raise InvalidInput(f"{folder} has {SERVICE_FILE} and {other}: expected one form of the two")
    reader = ManifestReader(f"{folder}/{SERVICE_FILE}", platform, model)
    deployment = read_single(reader, stage, files[SERVICE_FILE])
    return deployment, tuple(reader.ignored)


def _misplaced(path: str, content: bytes) -> str:
    """Return what is wrong with a file in the place of a folder, or a folder in that of a file."""
    match = _MISPLACED.fullmatch(path)
    if match is None:
        return ""
    if match["rest"]:
        return f"{path.removesuffix(match['rest'])}/{match['file']} is a folder, expected a file"
    try:
        refuse_unreadable(content, path)
    except InvalidInput as error:
        return f"{error.message}, expected a folder"
    return f"{path} is a file, expected a folder with {ROUTE_FILE}"


def _restrictions(name: str, content: bytes) -> dict[str, Restrictions]:
    if not is_marked(content):
        return {}
    try:
        placement = parse_placement(content)
    except InvalidInput as error:
        # An unreadable file may hold a restriction, so the deployment is held.
        return {name: Restrictions(f"release.yaml cannot be read: {error.message}", None)}
    if not (placement.hold or placement.break_glass):
        return {}
    return {name: Restrictions(placement.hold, placement.break_glass)}
