"""A headless Chromium, driven by the Chrome DevTools Protocol over two pipes."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
)  # fmt: skip


_AXE_RUN = """axe.run().then(found => found.violations
  .filter(each => ["serious", "critical"].includes(each.impact))
  .map(each => `${each.id}: ${each.nodes[0].html} ${each.nodes[0].failureSummary}`))"""


class Tab:
    """One tab, and what its console reported."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers, self._rest = requests, answers, b""
        self._count, self._session = 0, ""
        self.reported: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Runtime", "Log", "Page"):
            self._call(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Go to a page."""
        self._call("Page.navigate", url=address)

    def show_as(self, width: int, *, dark: bool) -> None:
        """Make the window so many pixels wide, and light or dark."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
            mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def faults(self, axe: Path) -> list[str]:
        """What axe calls serious in this page, each with the first element that it is about."""
        # In a world of its own, since the policy of the page allows no script of somebody else.
        frame = self._call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = self._call("Page.createIsolatedWorld", frameId=frame, worldName="axe")
        for script in (axe.read_text(), _AXE_RUN):
            answer = self._call(
                "Runtime.evaluate", expression=script, contextId=world["executionContextId"],
                awaitPromise=True, returnByValue=True,
            )  # fmt: skip
        found: list[str] = answer["result"]["value"]
        return found

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        return self._call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get(
            "value"
        )

    def wait_for(self, script: str) -> None:
        """Wait until an expression is true."""
        give_up = time.monotonic() + PATIENCE
        while not self.evaluate(script):
            assert time.monotonic() < give_up, (script, self.reported)
            time.sleep(0.1)

    def press(self, key: str, code: int) -> None:
        """Press one key."""
        for kind in ("keyDown", "keyUp"):
            self._call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key,
                windowsVirtualKeyCode=code, **({"text": "\r"} if key == "Enter" else {}),
            )  # fmt: skip

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            if answer.get("method") in (
                "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded",
            ):  # fmt: skip
                self.reported.append(json.dumps(answer["params"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._answers, 1 << 16)
            assert more, "the browser ended"
            self._rest += more
        one, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(one)
        return answer


@contextmanager
def chromium_tab(chromium: Path, profile: Path) -> Iterator[Tab]:
    """A tab of a browser of its own, which ends with the block."""
    ours, theirs = os.pipe(), os.pipe()
    # The browser reads its descriptor 3 and writes to its descriptor 4; a shell puts them there.
    line = f'exec "$0" "$@" 3<&{ours[0]} 4>&{theirs[1]}'
    process = subprocess.Popen(
        ("/bin/bash", "-c", line, str(chromium), *_FLAGS, f"--user-data-dir={profile}"),
        pass_fds=(ours[0], theirs[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(ours[0])
    os.close(theirs[1])
    try:
        yield Tab(ours[1], theirs[0])
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours[1])
        os.close(theirs[0])
