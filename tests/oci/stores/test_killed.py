"""Pushes and pulls of a process that is really killed: the next process copies only the rest.

docker-registry does not resume a session whose last request broke off, since it compares its file
with an offset that it signed before. There a push continues with the missing blobs. With a registry
that follows the specification, a push continues within a blob.
"""

import dataclasses
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.pack import pack
from tests.oci.stores.fake_registry import fake_registry
from tests.oci.stores.real import docker_registry
from tests.oci.stores.relay import Relay, relay
from tests.oci.stores.test_remote import remote
from tests.release.artifact.made import contents

MEGABYTE = 1_000_000
SIZE = 24 * MEGABYTE
SLACK = 100_000
"""Bytes of headers, manifests and small files."""


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real registry."""
    with docker_registry(tmp_path_factory.mktemp("docker-registry")) as address:
        yield address


def _release(folder: Path, files: int) -> Descriptor:
    """A release of `files` large files, `SIZE` bytes together, in the home's store."""
    names = tuple(f"part-{number:02}.bin" for number in range(files))
    made = dataclasses.replace(contents(folder / "outputs"), model_files=names)
    for number, name in enumerate(names):
        content = random.Random(number).randbytes(SIZE // files)  # noqa: S311
        (folder / "outputs" / name).write_bytes(content)
    store = LayoutStore(folder / "home" / "registry")
    image = pack(store, made).image
    store.tag("v1", image)
    return image


def _verb(folder: Path, *words: str) -> list[str]:
    program = "from goldenpath.cli.main import main; main()"
    return [
        "env", f"GOLDENPATH_HOME={folder / 'home'}", sys.executable, "-c", program, *words,
        "--output", "json",
    ]  # fmt: skip


def _kill_at(wire: Relay, size: int, command: list[str]) -> None:
    """Run the command until `size` bytes have passed, then kill it with SIGKILL."""
    wire.hold_after(size)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wire.await_hold()
    process.kill()
    process.communicate()
    wire.release()


def _finish(command: list[str]) -> dict[str, int]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_a_killed_push_of_one_large_file_is_resumed_within_the_file(tmp_path: Path) -> None:
    image = _release(tmp_path, 1)
    with fake_registry() as registry, relay(registry.address) as wire:
        push = _verb(tmp_path, "push", "v1", f"{wire.address}/ml/credit:v1")
        _kill_at(wire, SIZE // 2, push)

        _finish(push)

        assert SIZE // 8 < wire.sent < SIZE * 3 // 4
        assert remote(registry.address).resolve("v1") == image


@pytest.mark.interop
def test_a_killed_push_to_docker_registry_sends_only_the_missing_blobs(
    docker: str, tmp_path: Path
) -> None:
    image = _release(tmp_path, 24)
    with relay(docker) as wire:
        push = _verb(tmp_path, "push", "v1", f"{wire.address}/ml/many:v1")
        _kill_at(wire, SIZE * 2 // 3, push)

        done = _finish(push)

        assert done["blobs_present"] > 4
        assert wire.sent < done["bytes_copied"] + SLACK < SIZE * 3 // 4
    assert remote(docker, "ml/many").resolve("v1") == image


@pytest.mark.interop
def test_a_killed_pull_from_docker_registry_fetches_only_the_rest(
    docker: str, tmp_path: Path
) -> None:
    image, name = _release(tmp_path / "here", 1), f"ml/{uuid4().hex}"
    store, there = remote(docker, name), tmp_path / "there"
    copy(LayoutStore(tmp_path / "here" / "home" / "registry"), store, image)
    store.tag("v1", image)
    with relay(docker) as wire:
        pull = _verb(there, "pull", f"{wire.address}/{name}:v1")
        _kill_at(wire, SIZE * 2 // 3, pull)
        [left] = (there / "home" / "registry" / "goldenpath" / "partial").glob("sha256-*")
        have = left.stat().st_size

        _finish(pull)

        assert SIZE // 8 < have < SIZE
        assert wire.received < SIZE - have + SLACK
    assert LayoutStore(there / "home" / "registry").resolve(image.digest.text) == image
