"""Plain YAML of the package, laid out as it stands in a gitops repository.

A person reads these files and owns them. So nothing of them is assembled in code: a few words in
capitals are replaced by what `platform.toml` says.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

from goldenpath.promote.platform.platform import Platform

_ROOT = files("goldenpath.promote.manifests.kustomize")
Part = Literal["generated", "owned"]
_STAGE = "EACH_STAGE"
"""A line or a path with this word stands once for each stage."""


def packaged_files(
    part: Part, platform: Platform, *, trust: str = "", branch: str = "main"
) -> dict[str, bytes]:
    """Return the files of a part by their path in the gitops repository.

    `generated` follows from `platform.toml`, `owned` belongs to the owner of the platform. `trust`
    is the first commit of the gitops repository, by which machines trust it. `branch` is the one
    that Argo CD watches.
    """
    words = {
        "REGISTRY_FOLDER": json.dumps(f"{platform.registry_prefix}/"),
        "GITOPS_URL": json.dumps(platform.url),
        "GITOPS_TRUST": json.dumps(trust),
        "FOLLOWED_BRANCH": branch,
        "CLUSTER_PROFILE": platform.cluster.profile,
    }
    stages = [stage.name for stage in platform.stages]
    return dict(_filled(_ROOT / part, "", words, stages))


def _filled(
    folder: Traversable, prefix: str, words: dict[str, str], stages: list[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each file, sorted."""
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        for stage in stages if entry.name == _STAGE else [""]:
            # Below the folder of a stage every line is about that stage alone.
            own, path = [stage] if stage else stages, f"{prefix}{stage or entry.name}"
            if entry.is_dir():
                yield from _filled(entry, f"{path}/", words, own)
            else:
                yield path, "".join(_lines(entry.read_text("utf-8"), words, own)).encode()


def _lines(text: str, words: dict[str, str], stages: list[str]) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        for word, value in words.items():
            line = line.replace(word, value)
        if _STAGE in line:
            yield from (line.replace(_STAGE, stage) for stage in stages)
        else:
            yield line
