"""Which releases share a server process, and which never do. The processes are real and silent."""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.deploy.machine.server_process import ServerChild
from goldenpath.deploy.machine.shared_processes import SharedProcesses
from goldenpath.processes.child import Child
from goldenpath.processes.launch import (
    ReleaseSource,
    ReleaseTrust,
    ServerConfiguration,
    TrustedPem,
)

SILENT = (sys.executable, "-c", "import sys; sys.stdin.read()")
MOVES = """import json, sys
for line in sys.stdin:
    replica = json.loads(line)["replica"]
    for event in ({"event": "apart"}, {"event": "ended", "code": 0}):
        print(json.dumps({**event, "replica": replica}), flush=True)
"""
TRUST = ReleaseTrust((TrustedPem("build", "pem"),), ("provenance",), "registry.example/m", "b")
ONE = ServerConfiguration(
    stage="prod", model="credit", slot="r1", digest="sha256:" + "1" * 64, replica="r1-1",
    source=ReleaseSource("registry"), trust=TRUST, listen="127.0.0.1:0", spool="",
)  # fmt: skip
TWO = replace(ONE, model="fraud", slot="r2", digest="sha256:" + "2" * 64, replica="r2-1")


class Bench:
    """Seats that are closed afterwards, with the processes below them."""

    def __init__(self, folder: Path, most: int, command: tuple[str, ...] = SILENT) -> None:
        self.shared = SharedProcesses(command, {}, folder, most=most)
        self._folder = folder
        self._children: list[ServerChild] = []

    def start(self, launch: ServerConfiguration) -> ServerChild:
        def own() -> Child:
            return Child("own", SILENT, {}, self._folder / "own.log")

        child = self.shared.start(launch, own)
        child.send(launch)
        self._children.append(child)
        return child

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.close()
        self.shared.close(lambda: time.monotonic() + 60)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, most=4)
    yield made
    made.close()


def test_models_of_one_stage_under_one_trust_share_up_to_the_limit(bench: Bench) -> None:
    launches = [
        replace(ONE, model=f"m{number}", replica=f"m{number}-1", digest=f"sha256:{number:064}")
        for number in range(9)
    ]

    pids = [bench.start(launch).pid for launch in launches]

    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [4, 4, 1]


@pytest.mark.parametrize(
    "other",
    [
        replace(TWO, stage="test"),
        replace(TWO, trust=replace(TRUST, keys=(TrustedPem("build", "another"),))),
        replace(TWO, trust=replace(TRUST, keys=())),
        replace(TWO, trust=replace(TRUST, required=())),
        replace(TWO, trust=replace(TRUST, repository="registry.example/other")),
        replace(TWO, trust=replace(TRUST, builder="another")),
        replace(TWO, trust=replace(TRUST, threshold=2)),
        replace(TWO, trust=replace(TRUST, job=("issuer", "", "", ""))),
        replace(TWO, trust=None),
        # A canary, and a second replica.
        replace(TWO, model=ONE.model),
        replace(ONE, replica="r1-2"),
    ],
    ids=[
        "stage", "key", "keys", "required", "repository", "builder", "threshold", "job", "nobody",
        "canary", "replica",
    ],
)  # fmt: skip
def test_another_stage_another_trust_and_the_same_deployment_never_share(
    bench: Bench, other: ServerConfiguration
) -> None:
    first = bench.start(ONE)

    assert bench.start(other).pid != first.pid
    assert bench.start(TWO).pid == first.pid, "what differs in nothing that matters shares"


def test_when_statements_were_seen_keeps_nobody_apart(bench: Bench) -> None:
    seen = replace(TWO, trust=replace(TRUST, seen={"sha256:" + "3" * 64: "2026-11-22T08:00:00Z"}))

    assert bench.start(ONE).pid == bench.start(seen).pid


def test_what_asks_to_run_apart_such_as_code_never_shares_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 4, (sys.executable, "-c", MOVES))
    try:
        first = bench.start(ONE)
        while first.exit_code is None:
            list(first.messages())
        assert first.must_move
        first.close()

        alone = bench.start(replace(ONE, replica="r1-2"))
        assert isinstance(alone, Child)
        assert not isinstance(bench.start(TWO), Child)
    finally:
        bench.close()


def waits(child: ServerChild) -> bool:
    return child.is_waiting


def test_while_one_is_loaded_the_others_of_its_process_wait(tmp_path: Path) -> None:
    starts = MOVES.replace(
        """for event in ({"event": "apart"}, {"event": "ended", "code": 0}):""",
        """for event in ({"event": "starting"},) if replica == "r1-1" else ():""",
    )
    assert starts != MOVES
    bench = Bench(tmp_path, 4, (sys.executable, "-c", starts))
    try:
        first, second = bench.start(ONE), bench.start(TWO)
        assert not waits(second), "nothing is loaded yet"
        while not waits(second):
            list(first.messages())
        assert not waits(first)
    finally:
        bench.close()


def test_after_a_crash_the_releases_that_were_there_share_with_fewer(bench: Bench) -> None:
    before = [bench.start(launch) for launch in (ONE, TWO)]
    assert before[0].pid == before[1].pid
    before[0].kill()
    while before[0].exit_code is None:
        time.sleep(0.01)
    for each in before:
        each.close()

    again = [bench.start(replace(each, replica=each.replica + "-2")) for each in (ONE, TWO)]
    assert again[0].pid != again[1].pid, "a quarter of four is one"


def test_with_a_limit_of_one_nothing_shares(tmp_path: Path) -> None:
    bench = Bench(tmp_path, most=1)
    try:
        assert isinstance(bench.start(ONE), Child)
    finally:
        bench.close()
