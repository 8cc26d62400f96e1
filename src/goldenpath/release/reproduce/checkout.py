"""Finds the commit that a release was built from, and checks it out as it was."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.project.dvc_pointer import read_pointer
from goldenpath.project.load import declared_data
from goldenpath.project.spec import FILE
from goldenpath.train.source.project_repository import optional_git


def find_source(
    commit: str, remote: str, given: str | None, near: Path, *, tools: Mapping[str, str]
) -> str:
    """Return the source to clone: `given`, else the repository around `near`, else the remote.

    Raises `NotFound` if none of them can have the commit.
    """
    if given is not None:
        return given
    top = optional_git(near, tools, "rev-parse", "--show-toplevel")
    if top and optional_git(near, tools, "cat-file", "-e", f"{commit}^{{commit}}") is not None:
        return top
    if remote:
        return remote
    raise NotFound(
        f"commit {commit[:12]} is not here, and the release names no repository",
        hint="name a clone that has it with --from",
    )


def check_out(
    source: str, commit: str, remote: str, folder: Path, *, tools: Mapping[str, str]
) -> None:
    """Clone `source` into the new `folder` at `commit`, with the remote of the release.

    Raises `NotFound` if it cannot be cloned or does not have the commit.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    cloned = optional_git(
        folder.parent, tools, "clone", "--quiet", "--no-checkout", "--", source, str(folder)
    )
    if cloned is None:
        raise NotFound(
            f"{source} cannot be cloned", hint="name a clone that has the commit with --from"
        )
    if optional_git(folder, tools, "checkout", "--quiet", "--detach", commit) is None:
        raise NotFound(
            f"{source} does not have commit {commit[:12]}",
            hint="fetch it, or name a clone that has it with --from",
        )
    # The release contains the address of its remote, so the address is part of its digest.
    arguments = ("set-url", "origin", remote) if remote else ("remove", "origin")
    optional_git(folder, tools, "remote", *arguments)


def project_folder(checkout: Path, declaration: bytes) -> Path:
    """Return the folder whose `goldenpath.toml` is that of the release.

    Raises `InvalidInput` if the commit has none.
    """
    for path in sorted(checkout.rglob(FILE), key=lambda path: len(path.parts)):
        if path.is_file() and path.read_bytes() == declaration:
            return path.parent
    raise InvalidInput(f"the commit has no {FILE} like the one in the release")


def bring_data(project: Path, near: Path) -> tuple[str, ...]:
    """Copy data that is not in git from the project `near`; return the names that are missing.

    The training compares digests, so it refuses a file of the same name with other bytes.
    """
    return tuple(_missing(project, near))


def _missing(project: Path, near: Path) -> Iterator[str]:
    for source in declared_data(project):
        if source.kind in ("oci", "url"):
            continue  # the training fetches them itself
        target, nearby = project / source.path, near / source.path
        if source.kind == "dvc" and target.is_file():
            output = read_pointer(target).path
            target, nearby = target.parent / output, nearby.parent / output
        if target.exists() or not target.resolve().is_relative_to(project.resolve()):
            continue
        if nearby.is_dir():
            shutil.copytree(nearby, target)
        elif nearby.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(nearby, target)
        elif source.kind != "dvc":
            yield source.name  # DVC may still fetch its files from its remote
