"""Same contents, same bytes: on other machines, for other users, in other Pythons.

Each case is a process with its own user, host name, folder, umask, time zone, language, hash seed
and interpreter; what is compared is every blob of the store, and so both manifests, to the byte.
"""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from uv import find_uv_bin

from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.pack import pack
from tests.release.artifact.made import contents

_PACK = """
import json, os, socket, sys
from pathlib import Path
from goldenpath.release.artifact.pack import pack
from goldenpath.oci.stores.layout import LayoutStore
from tests.release.artifact.made import contents
folder = Path(sys.argv[1])
pack(LayoutStore(folder / "store"), contents(folder / "o"))
print(json.dumps([os.getuid(), socket.gethostname(), sys.version.split()[0]]))
"""
_ELSEWHERE = ("unshare", "--user", "--map-root-user", "--uts", "sh", "-c")
_NAMED = 'hostname "$0" && exec unshare --user --map-user=1234 "$@"'
_SITE = tuple(each for each in sys.path if each.endswith("site-packages"))
_NEEDED = ("msgspec", "rfc8785")
"""All that packing needs of other projects."""


def _blobs(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in (folder / "blobs" / "sha256").iterdir()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("here")
    packed = pack(LayoutStore(folder / "store"), contents(folder / "o"))
    found = _blobs(folder / "store")
    assert {packed.image.digest.hex, packed.modelpack.digest.hex} < found.keys()
    return found


def _pack(
    folder: Path,
    python: str,
    *,
    locale: str,
    zone: str,
    umask: int,
    seed: str,
    packages: tuple[str, ...] = _SITE,
    before: tuple[str, ...] = (),
) -> tuple[int, str, str]:
    """Packs in another process; its user, host name and Python."""
    (folder / "o").mkdir(parents=True)
    os.utime(folder / "o", (umask, umask))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(("src", ".", *packages)),
        "LC_ALL": locale,
        "TZ": zone,
        "USER": f"somebody-{umask}",
        "PYTHONHASHSEED": seed,
    }
    run = subprocess.run(
        [*before, python, "-c", _PACK, str(folder)],
        env=environment,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    user, host, version = json.loads(run.stdout)
    return user, host, version


def _interpreters() -> tuple[str, ...]:
    """Every other one on this machine; which version it is, its test asks."""
    ours = os.path.realpath(sys.executable)
    found = dict[str, str]()
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob("3.1[1-9].*/bin"))
    for folder in (*os.get_exec_path(), *pyenv):
        for minor in range(11, 16):
            python = shutil.which(f"python3.{minor}", path=str(folder))
            if python is not None:
                found.setdefault(os.path.realpath(python), python)
    return tuple(python for real, python in found.items() if real != ours)


@cache
def _version(python: str) -> str:
    """Which Python it is; empty if it does not start, as a shim without one behind it."""
    command = [python, "-c", "import sys; print(sys.version.split()[0])"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else ""


_PYTHONS = _interpreters()
_tried = {sys.version.split()[0]}
_MINOR = "{}.{}.".format(*sys.version_info)


@pytest.mark.parametrize(
    ("locale", "zone", "umask", "seed"),
    [("C", "UTC", 0o022, "0"), ("C.UTF-8", "Asia/Tokyo", 0o077, "random")],
)
def test_language_time_zone_umask_and_hash_seed_do_not_matter(
    expected: dict[str, bytes], tmp_path: Path, locale: str, zone: str, umask: int, seed: str
) -> None:
    place = tmp_path / "another folder"
    _pack(place, sys.executable, locale=locale, zone=zone, umask=umask, seed=seed)

    assert _blobs(place / "store") == expected


def test_user_and_machine_do_not_matter(expected: dict[str, bytes], tmp_path: Path) -> None:
    before = (*_ELSEWHERE, _NAMED, "another-machine")
    if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED as another user: this machine allows no user namespaces")
    place = tmp_path / "there"
    user, host, _ = _pack(
        place, sys.executable, locale="de_DE.UTF-8", zone="America/Lima", umask=2, seed="1",
        before=before,
    )  # fmt: skip

    assert (user, host) == (1234, "another-machine")
    assert _blobs(place / "store") == expected


@pytest.mark.interop
@pytest.mark.parametrize("python", _PYTHONS or ("none",))
def test_the_version_of_python_does_not_matter(
    expected: dict[str, bytes], tmp_path: Path, python: str
) -> None:
    if python == "none":
        pytest.skip("NOT TESTED in another Python: this one is alone on the machine")
    version = _version(python)
    if not version or version in _tried:
        pytest.skip(f"NOT TESTED with {python}: {version or 'nothing'} is tried already")
    _tried.add(version)
    packages = _SITE
    if not version.startswith(_MINOR):
        packages = (_installed(tmp_path / "packages", python),)
    place = tmp_path / "there"
    _, _, made_by = _pack(
        place, python, locale="C", zone="Asia/Kolkata", umask=0o027, seed="7",
        packages=packages,
    )  # fmt: skip

    assert made_by == version
    assert _blobs(place / "store") == expected


def _installed(folder: Path, python: str) -> str:
    """The few packages that packing needs, for another Python."""
    command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder)]
    done = subprocess.run(
        [*command, "--python", python, *_NEEDED], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"NOT TESTED in {python}: its packages cannot be had: {done.stderr[-200:]}")
    return str(folder)
