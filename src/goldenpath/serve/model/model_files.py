"""The private, temporary folder of a code model, filled with verified files only.

Every file comes from a layer whose digest was compared while it was read. Only this user can enter
the folder. The environment is made there from the release's own wheels, by hash. The model runs
from this folder and cannot write to it.
"""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.files import take_lock
from goldenpath.oci.store import Store
from goldenpath.processes.confinement import Confinement, confine
from goldenpath.processes.launch import ServerConfiguration
from goldenpath.release.artifact.layers import MODELS
from goldenpath.release.artifact.pack import CODE, PLATFORM_FOLDER, RUNTIME, WHEELS
from goldenpath.release.artifact.unpack import unpack
from goldenpath.serve.model.worker import Workplace
from goldenpath.settings import content_environment
from goldenpath.train.environment.rebuild import rebuild_environment
from goldenpath.train.environment.runtime import parse_runtime


@contextmanager
def prepare(launch: ServerConfiguration, store: Store, digest: Digest) -> Iterator[Workplace]:
    """Make the folder of one server, which lasts until the block ends.

    Raises `VerificationError` if release or wheels fail their checks, `Unavailable` if the
    folder cannot be made.
    """
    if not launch.code.scratch:
        raise InvalidInput(f"{digest} is code: expected a launch with a folder for it")
    with _own_folder(Path(launch.code.scratch), launch.replica) as folder:
        unpack(store, digest, folder / "release")
        # Kept apart from the files that `load` gets, so that ours are not mistaken for the model's.
        platform_files, files = folder / "platform", folder / "release" / MODELS
        (folder / "release" / PLATFORM_FOLDER).rename(platform_files)
        scratch = folder / "scratch"
        scratch.mkdir(mode=0o700)
        confinement = confine(changes_user=True)
        environment = _environment(launch, folder, platform_files, confinement)
        if confinement.changes_user:
            # Others can read them, and nobody but this user can enter the folder around them.
            for part in (platform_files, files, environment):
                _open_to_others(part)
        yield Workplace(
            python=environment / "bin" / "python",
            environment=environment,
            code=platform_files / _in_platform(CODE),
            files=files,
            scratch=scratch,
            variables=content_environment(scratch),
            confinement=confinement,
        )


def _open_to_others(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))


def _environment(
    launch: ServerConfiguration, folder: Path, platform_files: Path, confinement: Confinement
) -> Path:
    path = platform_files / _in_platform(RUNTIME)
    if not path.is_file():
        raise VerificationError(f"{launch.digest} is code and holds no {RUNTIME}")
    runtime = parse_runtime(path.read_bytes())
    environment = folder / "environment"
    rebuild_environment(
        runtime,
        platform_files / _in_platform(WHEELS),
        environment,
        uv=launch.code.uv,
        environment={**content_environment(folder), "PATH": launch.code.search},
        confinement=confinement,
        python=sys.executable if platform.python_version() == runtime.python else "",
    )
    # Installed by now, and memory disks are small.
    shutil.rmtree(platform_files / _in_platform(WHEELS))
    return environment


def _in_platform(path: str) -> str:
    return path.removeprefix(PLATFORM_FOLDER + "/")


@contextmanager
def _own_folder(parent: Path, name: str) -> Iterator[Path]:
    """Make a folder that only this user can enter; folders of killed servers are removed."""
    folder = parent / name
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = parent.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise VerificationError(f"{parent} can be written by others: expected mode 0700")
        with _locked(parent):
            _sweep(parent)
            folder.mkdir(mode=0o700)
            held = _open(folder)
            take_lock(held)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be made: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _sweep(parent: Path) -> None:
    for folder in parent.iterdir():
        held = _open(folder)
        try:
            if take_lock(held, wait=False):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(held)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    held = _open(folder)
    try:
        take_lock(held)
        yield
    finally:
        os.close(held)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
