"""Two models on one machine: one is rolled out, and the others are untouched.

The full size has them in two stages.
"""

import json
import threading
from collections import Counter
from itertools import product
from pathlib import Path

import urllib3

from goldenpath.audit.events.event_log import EventLog
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.instruments import HEADER_RELEASE
from goldenpath.observe.log.log_reader import records
from tests.deploy.platform import OneMachine
from tests.serve.running import ROW, question
from tests.sizes import at_size

STAGES, MODELS = ("dev", "test")[: at_size(1, 2)], ("credit", "fraud")
Place = tuple[str, str]
PLACES: tuple[Place, ...] = tuple(product(STAGES, MODELS))


class Caller:
    """Asks one model in one stage without a pause, and counts who answered."""

    def __init__(self, address: str, place: Place) -> None:
        self.answered: Counter[tuple[int, str]] = Counter()
        self._url = f"http://{address}/{place[0]}/{place[1]}/v2/models/{place[1]}/infer"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        pool, body = urllib3.PoolManager(retries=False), json.dumps(question(ROW)).encode()
        while not self._stop.wait(0.005):
            got = pool.request("POST", self._url, body=body)
            self.answered[got.status, got.headers.get(HEADER_RELEASE, "")] += 1
        pool.clear()

    def stop(self) -> Counter[tuple[int, str]]:
        """By status and release."""
        self._stop.set()
        self._thread.join()
        return self.answered


def running(status: Status, wanted: dict[Place, tuple[Digest, ...]]) -> bool:
    """Whether every stage runs just these releases."""
    found = {each.name: {slot.digest for slot in each.running} for each in status.deployments}
    return status.is_ready and found == {
        f"{stage}/{model}": {digest.text for digest in digests}
        for (stage, model), digests in wanted.items()
    }


def test_one_is_rolled_out_and_the_others_are_untouched(tmp_path: Path) -> None:
    here = OneMachine(tmp_path, free=STAGES)
    wanted: dict[Place, tuple[Digest, ...]] = {}
    for number, (stage, model) in enumerate(PLACES):
        digest = here.release(number / 10, name=model)
        here.deploy((digest, 100), stage=stage, model=model)
        wanted[stage, model] = (digest,)
    moving: Place = ("dev", "credit")
    (one,), two = wanted[moving], here.release(0.5)

    with here.up() as up:
        status = up.until(lambda status: running(status, wanted))
        before, servers = len(list(EventLog(here.home.events).read())), set(up.children())
        callers = {place: Caller(status.gateway, place) for place in PLACES}
        for shares in (((one, 50), (two, 50)), ((two, 100),)):
            here.deploy(*shares)
            wanted[moving] = tuple(digest for digest, _ in shares)
            up.until(lambda status: running(status, wanted))
        answered = {place: caller.stop() for place, caller in callers.items()}
        events = [*EventLog(here.home.events).read()][before:]
        kept = servers & set(up.children())

    for place in PLACES:
        digests = (one, two) if place == moving else wanted[place]
        assert set(answered[place]) == {(200, digest.text) for digest in digests}, place
    assert len(kept) >= len(servers) - 1  # all but that of the release that left
    for kind in ("server.", "route.changed"):
        touched = {(each.stage, each.model) for each in events if each.kind.startswith(kind)}
        assert touched == {moving}, kind
    for stage, model in PLACES:
        said = records(here.home, stage=stage, model=model)
        found = Counter(each["release_digest"] for each in said if each["decisive"])
        asked = Counter[object]()
        for (_, release), many in answered[stage, model].items():
            asked[release] += many
        assert found == asked
        roles = {
            (each["release_digest"], each["traffic_role"])
            for each in records(here.home, stage=stage, model=model)
        }
        if (stage, model) == moving:
            assert {(one.text, "stable"), (two.text, "canary")} <= roles
            assert (one.text, "canary") not in roles
        else:
            assert roles == {(wanted[stage, model][0].text, "stable")}
