"""The console over 1,000 models in 3 stages: how long its first page takes, and how large it is.

The models are drawn by a seed over 25 releases, each with all its evidence. The console runs as a
process. A page is what a browser fetches until every panel is there: HTML, style sheet, scripts.
"""

import random
import re
import tempfile
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from statistics import median

from tests.console.browser import Browser, console
from tests.deploy.platform import OneMachine

from bench.measurement import Measurement
from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name

MODELS, RELEASES, STAGES, ROUNDS, SEED = 1000, 25, ("dev", "test", "prod"), 9, 21
LIMIT_SECONDS, LIMIT_KB = 1.0, 200.0
_FETCHED = re.compile(r'(?:src|rel="stylesheet" href|hx-get)="([^"]+)"')


def run() -> Iterator[Measurement]:
    """The figures of issue 21 for the console."""
    with tempfile.TemporaryDirectory() as folder:
        here = OneMachine(Path(folder))
        _declare(here, [here.release(number / RELEASES) for number in range(RELEASES)])
        with console(here.home.root) as browser:
            cold, size = _page(browser)
            yield Measurement(21, "first page over 1,000 models, nothing read yet", cold, "s")
            kilobytes = size / 1000
            yield Measurement(
                21, "first page over 1,000 models, bytes", kilobytes, "kB", LIMIT_KB,
                kilobytes < LIMIT_KB,
            )  # fmt: skip
            warm = median(_page(browser)[0] for _ in range(ROUNDS))
            yield Measurement(
                21, "first page over 1,000 models", warm, "s", LIMIT_SECONDS, warm < LIMIT_SECONDS
            )
            _declare(here, [here.release(1.0)])
            changed, _ = _page(browser)
            yield Measurement(
                21, "first page over 1,000 models, after a commit about all of them", changed, "s",
                LIMIT_SECONDS, changed < LIMIT_SECONDS, "as before the commit, marked so",
            )  # fmt: skip


def _declare(here: OneMachine, releases: list[Digest]) -> None:
    drawn, platform = random.Random(SEED), here.trusted().platform  # noqa: S311 - no secret
    files = dict[str, bytes | None]()
    for number in range(MODELS):
        digest = drawn.choice(releases)
        slots = (Slot(slot_name(digest), digest, 100),)
        for stage in STAGES:
            files.update(render_deployment(Deployment(stage, f"model-{number}", slots), platform))
    here.commit(files)


def _page(browser: Browser) -> tuple[float, int]:
    """Seconds and bytes of the first page with everything that it fetches."""
    start = time.perf_counter()
    page = browser.get("/").text
    parts = [browser.get(unescape(each), hx_request="true").text for each in _FETCHED.findall(page)]
    return time.perf_counter() - start, len(page.encode()) + sum(len(p.encode()) for p in parts)
