"""A disk that is full or read-only: said in words, nothing half-written, the next run goes on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldenpath.oci.copy import copy
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.pack import pack
from tests.cli.saying import Command
from tests.release.artifact.made import contents

ACTING = ("--as", "engineer", "--key")


class Disk:
    """A small disk of its own in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        options = ["-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
        done = subprocess.run(["mount", *options], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("NOT TESTED on a full disk: only root may mount one")

    def become(self, options: str) -> None:
        """Changes size or rights."""
        command = ["mount", "-o", f"remount,{options}", str(self.folder)]
        subprocess.run(command, check=True)

    def fill(self) -> None:
        """Leaves no room at all."""
        with (self.folder / "filling").open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(b"\0" * 4096)
                except OSError:
                    return

    def end(self) -> None:
        """Takes the disk away."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.end()


@pytest.fixture
def goldenpath(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command with its home on that disk."""
    monkeypatch.setenv("GOLDENPATH_HOME", str(disk.folder / "home"))
    return Command(capsys)


def test_a_set_up_that_found_no_room_is_finished_by_the_next(
    goldenpath: Command, disk: Disk, tmp_path: Path
) -> None:
    call = ("init", *ACTING, str(tmp_path / "engineer"), "--make-key")

    for size in (0, 16, 32, 48):
        disk.become(f"size={64 + size}k")
        said = goldenpath.run(call)
        assert said.is_orderly, said
        assert said.code in (0, 5)
    disk.become("size=4m")

    assert goldenpath.run(call).code == 0
    assert goldenpath("person", "list").out.startswith("engineer")


def test_a_change_without_room_changes_nothing(
    goldenpath: Command, disk: Disk, tmp_path: Path
) -> None:
    key = str(tmp_path / "engineer")
    disk.become("size=4m")
    assert goldenpath("init", *ACTING, key, "--make-key").code == 0
    for name in ("validator", "risk-manager"):
        subprocess.run(
            ["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", tmp_path / name], check=True
        )
    before = _head(disk)
    disk.fill()

    full = goldenpath(*_adding("validator", tmp_path))
    after_full = _head(disk)
    (disk.folder / "filling").unlink()
    disk.become("ro")
    forbidden = goldenpath(*_adding("validator", tmp_path))
    disk.become("rw")
    done = goldenpath(*_adding("validator", tmp_path))

    assert (full.code, full.is_orderly) == (5, True)
    assert "No space left" in full.err
    assert (forbidden.code, forbidden.is_orderly) == (5, True)
    assert "Read-only" in forbidden.err
    assert after_full == before
    assert done.code == 0
    assert _head(disk) != before


def _adding(name: str, folder: Path) -> tuple[str, ...]:
    return (
        "person", "add", name, "--role", name, "--ssh-key", str(folder / f"{name}.pub"),
        *ACTING, str(folder / "engineer"),
    )  # fmt: skip


def _head(disk: Disk) -> str:
    git = ["git", f"--git-dir={disk.folder / 'home' / 'gitops.git'}", "rev-parse", "main"]
    return subprocess.run(git, capture_output=True, text=True, check=True).stdout


def test_a_copy_without_room_is_said_and_goes_on(
    goldenpath: Command, disk: Disk, tmp_path: Path
) -> None:
    source = LayoutStore(tmp_path / "source")
    image = pack(source, contents(tmp_path / "files", os.urandom(200_000))).image
    source.tag("v1", image)

    full = goldenpath("copy", f"layout:{tmp_path}/source@v1", "v1")
    tags = LayoutStore(disk.folder / "home" / "registry").tags()
    disk.become("size=4m")
    done = goldenpath("copy", f"layout:{tmp_path}/source@v1", "v1")

    assert (full.code, full.is_orderly, tags) == (5, True, ())
    assert done.code == 0
    copied = LayoutStore(disk.folder / "home" / "registry")
    assert copied.resolve("v1") == image
    assert copy(copied, LayoutStore(tmp_path / "again"), image, referrers=True).blobs_copied


def test_a_home_that_may_only_be_read_stops_every_verb_that_writes(
    goldenpath: Command, disk: Disk, project: Path, tmp_path: Path
) -> None:
    disk.become("size=4m")
    assert goldenpath("init", *ACTING, str(tmp_path / "engineer"), "--make-key").code == 0
    disk.become("ro")

    for call in (("build", str(project)), ("up", "--once"), ("copy", "layout:x@y", "z")):
        said = goldenpath.run(call)
        assert said.is_orderly and said.code in (3, 5), said
    assert goldenpath("events").code == 0


def test_a_build_that_finds_no_room_leaves_no_release(
    goldenpath: Command, disk: Disk, starter: Path, tmp_path: Path
) -> None:
    disk.become("size=2m")
    assert goldenpath("init", *ACTING, str(tmp_path / "engineer"), "--make-key").code == 0

    said = goldenpath("build", str(starter))

    assert said.code == 5
    assert "error: uv could not make the environment" in said.err
    assert "No space left" in said.err
    registry = disk.folder / "home" / "registry"
    assert LayoutStore(registry).tags() == ()
    assert not list((registry / "blobs").rglob("*"))
