"""A release that is code, from the registry to its answer: environment rebuilt, process apart."""

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.serve.model.test_worker import MODEL
from tests.serve.process import Packed, Process, packed_code, started
from tests.serve.running import (
    INFER,
    ROW,
    Answer,
    Client,
    expected,
    question,
    records,
    request,
    run,
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return packed_code(tmp_path_factory.mktemp("code"), MODEL)


async def _ask(address: str, row: list[float]) -> Answer:
    client = Client(*await asyncio.open_unix_connection(address))
    try:
        await client.send(request("POST", INFER, json.dumps(question(row)).encode()))
        return await client.receive()
    finally:
        client.close()


def _children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in text.split()]


def _below(process: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    children = _children(process)
    return [*children, *(each for child in children for each in _below(child))]


def _a_killed_frame_takes_its_content_along(process: Process) -> None:
    below = _below(process.child.pid)
    process.child.kill()
    process.child.wait()
    while any(Path(f"/proc/{each}").exists() for each in below):
        continue


def test_code_is_served_from_its_own_environment_and_killed_content_comes_back(
    release: Packed, tmp_path: Path
) -> None:
    launch = replace(release.launch(), listen=f"unix:{tmp_path}/s", spool=str(tmp_path / "spool"))
    with started(launch) as process:
        assert process.event["event"] == "ready", process.event
        (content,) = _children(process.child.pid)
        running = Path(f"/proc/{content}/cwd").readlink()
        assert running.parent == Path(launch.code.scratch) / launch.replica
        assert running.parent.stat().st_mode & 0o777 == 0o700
        assert (running.parent / "environment" / "pyvenv.cfg").is_file()
        maps = Path(f"/proc/{_below(content)[-1]}/maps").read_text()
        assert f"{running.parent}/environment/lib" in maps
        frame = Path(f"/proc/{process.child.pid}/maps").read_text()
        assert str(running.parent) not in frame

        async def main() -> None:
            answer = await _ask(process.address, ROW)
            scores = json.loads(answer.body)["outputs"][0]["data"]
            assert scores == pytest.approx(expected([ROW]), abs=1e-6)
            assert answer.headers["x-goldenpath-release"] == release.image.digest.text
            tried = await _ask(process.address, [8.0, 40.0, 1.0, 0.0])
            assert json.loads(tried.body)["outputs"][0]["data"] == [0.0]
            os.kill(content, signal.SIGKILL)
            statuses = {503}
            while 200 not in statuses:
                statuses.add((await _ask(process.address, ROW)).status)
                await asyncio.sleep(0.02)
            assert statuses == {200, 503}

        run(main)
        assert process.child.stdout is not None
        told = [json.loads(process.child.stdout.readline()) for _ in range(2)]
        assert [(each["event"], each["turn"]) for each in told] == [
            ("content", "lost"),
            ("content", "back"),
        ]
        assert "signal 9" in told[0]["message"]
        _a_killed_frame_takes_its_content_along(process)
    found = records(tmp_path / "spool")
    assert [record.sequence for record in found] == list(range(len(found)))

    assert running.parent.exists()
    with started(replace(launch, replica="next", listen=f"unix:{tmp_path}/n")) as process:
        assert process.event["event"] == "ready", process.event
        assert not running.parent.exists(), "the next one cleans up"
        assert process.end()["lost"] == 0
    assert list(Path(launch.code.scratch).iterdir()) == []


@pytest.mark.parametrize("cheat", ["wheel", "code", "open folder"])
def test_content_that_is_not_what_was_signed_never_runs(
    release: Packed, tmp_path: Path, cheat: str
) -> None:
    scratch = tmp_path / "scratch"
    launch = release.launch()
    code = replace(launch.code, scratch=str(scratch))
    launch = replace(launch, listen=f"unix:{tmp_path}/s", code=code)
    blobs = sorted(
        (release.folder / "registry" / "blobs" / "sha256").iterdir(),
        key=lambda path: path.stat().st_size,
    )
    changed = blobs[-1]
    if cheat == "code":
        changed = next(path for path in blobs if b"no such applicant" in path.read_bytes())
    before = changed.read_bytes()
    if cheat == "open folder":
        scratch.mkdir()
        scratch.chmod(0o777)
    else:
        changed.chmod(0o600)
        changed.write_bytes(before[:-2000] + bytes([before[-2000] ^ 1]) + before[-1999:])
    try:
        with started(launch) as process:
            assert process.event["event"] == "failed", process.event
            assert process.child.wait(20) == 4
    finally:
        changed.write_bytes(before)
