"""What many deployments on one machine cost the supervisor, counted as work."""

import os
import sys
from contextlib import closing
from pathlib import Path

from goldenpath.deploy.machine.local_target import LocalTarget
from goldenpath.deploy.machine.server_launch import LocalSettings
from goldenpath.deploy.reconcile.target import Apply
from goldenpath.processes.launch import ReleaseTrust, ServingTerms
from tests.deploy.contract import deployment, release

SILENT = "import sys; any('\"ends\":true' in line for line in sys.stdin)"
"""A child that never becomes ready, and ends when it is asked to."""


def looks_at_servers(folder: Path, deployments: int) -> int:
    """How often the terms of a stage are asked for: at each look at a server and at a route."""
    looks = 0

    def terms(_: str) -> ServingTerms:
        nonlocal looks
        looks += 1
        return ServingTerms()

    settings = LocalSettings(
        run=folder / "run",
        store=folder / "registry",
        spool=folder / "spool",
        listen="127.0.0.1:0",
        environment={"PATH": os.environ["PATH"]},
        server=(sys.executable, "-c", SILENT),
        gateway=(sys.executable, "-c", SILENT),
        shared_server=(sys.executable, "-c", SILENT),
        most_shared=deployments,
    )
    trust = ReleaseTrust((), ())
    with closing(LocalTarget(settings, lambda *_: trust, lambda _: None, terms)) as target:
        for number in range(deployments):
            target.perform(Apply(deployment(release(1), model=f"m{number}")))
        assert len(target.observe()) == deployments
        assert len(target.servers()) == 1
        return looks


def test_to_start_many_deployments_each_server_is_looked_at_a_few_times(tmp_path: Path) -> None:
    few, many = (looks_at_servers(tmp_path / str(count), count) for count in (8, 32))

    assert few and many <= 4 * few
