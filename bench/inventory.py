"""1,000 real releases in 3 stages of one repository: what `status` and `inventory` cost of them.

Each release is a signed artifact of its own in the registry, with all its evidence; the catalogue
is MLflow's database with a version and three aliases per model. Whole commands, process start
included, while a supervisor holds the machine: wall time and CPU time of the process.
"""

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.deploy.machine.memory import MemoryTarget
from tests.deploy.platform import MAIN, OneMachine
from tests.release.catalogue.test_catalogue import release as entry

from bench.measurement import Measurement
from goldenpath.deploy.machine.tenure import tenure
from goldenpath.deploy.reconcile.gitops_source import GitSource
from goldenpath.deploy.reconcile.loop import Reconciler
from goldenpath.deploy.reconcile.status import write_status
from goldenpath.deploy.reconcile.verdicts import AdmissionAnswer
from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.release.attest.policy import Finding
from goldenpath.release.catalogue.catalogue_process import Catalogue

MODELS, STAGES, ROUNDS = 1000, ("dev", "test", "prod"), 9
Digests = Sequence[Digest]


def run() -> Iterator[Measurement]:
    """The figures of issue 6 for the verbs."""
    with tempfile.TemporaryDirectory() as folder:
        here = OneMachine(Path(folder))
        yield from _fill(here)
        with tenure(here.home.run, takes_over=False):
            cold, _ = _taken(here, "inventory")
            yield Measurement(6, "inventory of them, nothing known yet", cold, "s")
            for verb in ("inventory", "status"):
                taken = [_taken(here, verb) for _ in range(ROUNDS)]
                wall, cpu = (median(each) for each in zip(*taken, strict=True))
                yield Measurement(6, f"goldenpath {verb} of them", wall, "s", 0.5, wall < 0.5)
                yield Measurement(6, f"goldenpath {verb} of them, CPU", cpu, "s")


def _fill(here: OneMachine) -> Iterator[Measurement]:
    releases = [here.release(number / MODELS) for number in range(MODELS - 1)]
    took = _seconds(lambda: releases.append(here.release(1.0)))
    yield Measurement(6, "pack and sign one release where 1,000 are", took, "s")
    _declare(here, releases)
    _catalogue(here, releases)
    good = (Finding("signature", "pass", "good"),)
    loop = Reconciler(
        GitSource(here.repository, here.home.trust),
        lambda *_: AdmissionAnswer(good),
        MemoryTarget(),
        lambda refused: None,
    )
    loop.step(datetime.now(UTC))
    # Nobody publishes meanwhile, and what was said long ago is said to be.
    status = replace(loop.step(datetime.now(UTC)), time="2999-01-01T00:00:00+00:00")
    write_status(status, here.home.run / "status.json")


def _declare(here: OneMachine, releases: Digests) -> None:
    platform, files = here.trusted().platform, dict[str, bytes | None]()
    for number, digest in enumerate(releases):
        slots = (Slot(slot_name(digest), digest, 100),)
        for stage in STAGES:
            files.update(render_deployment(Deployment(stage, f"model-{number}", slots), platform))
    here.commit(files)


def _catalogue(here: OneMachine, releases: Digests) -> None:
    """One model by MLflow itself; the others are its rows again, in seconds and not minutes."""
    with Catalogue(f"sqlite:///{here.home.catalogue}", here.home.root / "mlflow") as opened:
        opened.register(replace(entry(releases[0]), model="model-0"))
        for stage in STAGES:
            opened.set_alias("model-0", stage, releases[0].text)
    with closing(sqlite3.connect(here.home.catalogue)) as database, database:
        for table in (
            "registered_models",
            "model_versions",
            "model_version_tags",
            "registered_model_aliases",
        ):
            _again(database, table, releases)


def _again(database: sqlite3.Connection, table: str, releases: Digests) -> None:
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    rows = database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - names of our own
    marks = ", ".join("?" * len(columns))
    for number, digest in enumerate(releases[1:], 1):
        renamed = {"model-0": f"model-{number}", releases[0].text: digest.text}
        database.executemany(
            f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608
            [[renamed.get(value, value) for value in row] for row in rows],
        )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _taken(here: OneMachine, verb: str) -> tuple[float, float]:
    """Wall and CPU time of a verb that finds nothing wrong."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    wall = _seconds(
        lambda: subprocess.run(
            [sys.executable, "-c", MAIN, verb],
            env={**environment, "GOLDENPATH_HOME": str(here.home.root)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
