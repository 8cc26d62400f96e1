"""The server as a process of its own: verified before loaded, drained in order, killed at will."""

import asyncio
import contextlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.processes.launch import ServerConfiguration
from goldenpath.release.attest.attach import sign_image
from goldenpath.serve.record.spool_reader import is_live
from tests.release.attest.releases import NOW, REPOSITORY, new_signer
from tests.serve.process import packed, started
from tests.serve.running import INFER, ROW, Client, expected, question, records, request, run

HEAVY = re.compile(
    r"/(pandas|pyarrow|click|mlflow|opentelemetry|jsonschema|grpc|google|rich|sqlalchemy|urllib3|sklearn)/"
)


async def _connect(address: str) -> Client:
    return Client(*await asyncio.open_unix_connection(address))


def test_a_verified_release_is_served_and_the_process_stays_light(tmp_path: Path) -> None:
    release = packed(tmp_path)

    with started(release.launch()) as process:
        assert process.event["event"] == "ready", process.event
        assert Path(process.address).stat().st_mode & 0o777 == 0o600

        async def main() -> None:
            client = await _connect(process.address)
            body = json.dumps(question(ROW)).encode()
            await client.send(request("POST", INFER, body))
            answer = await client.receive()
            assert answer.headers["x-goldenpath-release"] == release.image.digest.text
            assert json.loads(answer.body)["outputs"][0]["data"] == pytest.approx(expected([ROW]))
            client.close()

        run(main)
        # Compiled parts of heavy packages would be mapped; their Python parts come with them.
        maps = Path(f"/proc/{process.child.pid}/maps").read_text()
        assert HEAVY.search(maps) is None
        spool = next((tmp_path / "spool").glob("*.spool"))
        assert is_live(spool)
        assert process.end() == {"event": "drained", "answered": 1, "lost": 0}
        assert process.child.returncode == 0
        assert not Path(process.address).exists()
        assert not is_live(spool)


def test_what_the_server_imports_is_light() -> None:
    import subprocess
    import sys

    code = "import sys, goldenpath.serve.server.lifecycle; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"pandas", "pyarrow", "click", "mlflow", "opentelemetry", "jsonschema", "rich", "yaml"}
    assert not heavy & set(loaded)
    assert "goldenpath.serve.server.model_server" in loaded


@pytest.mark.parametrize("cheat", ["unsigned", "other key", "tampered", "other model", "no launch"])
def test_what_does_not_verify_is_refused_before_it_is_loaded(tmp_path: Path, cheat: str) -> None:
    release = packed(tmp_path, signed=cheat != "unsigned")
    launch: ServerConfiguration = release.launch()
    code = 4
    if cheat == "other key":
        launch = packed(_inside(tmp_path)).launch()
        launch = replace(launch, digest=release.launch().digest, source=release.launch().source)
    if cheat == "tampered":
        _tamper(tmp_path / "registry")
    if cheat == "other model":
        launch = replace(launch, model="fraud")
    if cheat == "no launch":
        launch = replace(launch, digest="latest")
        code = 2

    with started(launch) as process:
        assert process.event["event"] == "failed", process.event
        assert process.child.wait(20) == code
        assert not (tmp_path / "one").exists()


def _inside(folder: Path) -> Path:
    inner = folder / "inner"
    inner.mkdir()
    return inner


def _tamper(registry: Path) -> None:
    """Flips one bit of the largest blob: the layer with the model."""
    blob = max((registry / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(content)


def test_a_second_signature_by_a_stranger_changes_nothing(tmp_path: Path) -> None:
    release = packed(tmp_path)
    sign_image(release.store, release.image, REPOSITORY, new_signer(), now=NOW)

    with started(release.launch()) as process:
        assert process.event["event"] == "ready", process.event


def test_draining_under_load_loses_no_request(tmp_path: Path) -> None:
    release = packed(tmp_path)

    with started(release.launch()) as process:

        async def caller() -> int:
            client = await _connect(process.address)
            answered = 0
            while True:
                await client.send(request("POST", INFER, json.dumps(question(ROW)).encode()))
                answer = await client.receive()
                assert answer.status == 200
                answered += 1
                if answer.headers.get("connection") == "close":
                    client.close()
                    return answered

        async def main() -> None:
            callers = [asyncio.create_task(caller()) for _ in range(20)]
            await asyncio.sleep(0.3)
            process.child.terminate()
            counts = await asyncio.gather(*callers)
            assert process.last_word() == {"event": "drained", "answered": sum(counts), "lost": 0}

        run(main)
        assert process.child.returncode == 0
    numbers = [record.sequence for record in records(tmp_path / "spool")]
    assert numbers == list(range(len(numbers)))


def test_every_answered_prediction_survives_kill_9(tmp_path: Path) -> None:
    release = packed(tmp_path)
    answered: dict[str, list[float]] = {}

    with started(release.launch()) as process:

        async def caller(seed: int) -> None:
            client = await _connect(process.address)
            random = np.random.default_rng(seed)
            with contextlib.closing(client), contextlib.suppress(EOFError, OSError):
                await ask_on(client, random)

        async def ask_on(client: Client, random: np.random.Generator) -> None:
            while True:
                row = [float(random.integers(0, 1000)), float(random.integers(18, 100)), 1.0, 0.0]
                await client.send(request("POST", INFER, json.dumps(question(row)).encode()))
                answer = await client.receive()
                answered[answer.headers["x-goldenpath-prediction-id"]] = row
                if len(answered) == 400:
                    os.kill(process.child.pid, 9)

        async def main() -> None:
            await asyncio.gather(*(caller(seed) for seed in range(20)))

        run(main)

    kept = {record.prediction_id: record for record in records(tmp_path / "spool")}
    assert len(answered) >= 400
    assert answered.keys() <= kept.keys()
    for name, row in answered.items():
        assert np.frombuffer(kept[name].inputs, "<f4").tolist() == row
    numbers = sorted(record.sequence for record in kept.values())
    assert numbers == list(range(len(numbers)))
