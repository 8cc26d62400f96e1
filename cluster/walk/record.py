"""What the walk saw: a line for each claim as it happens, and one file at the end."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path


class WalkFailed(Exception):
    """A claim does not hold; the message is the claim with what was seen instead."""


@dataclass(frozen=True, slots=True)
class SeenClaim:
    """One sentence that held in a real cluster, and the figure that shows it."""

    step: str
    claim: str
    seen: str


@dataclass
class WalkRecord:
    """Prints and keeps every claim."""

    report: Callable[[str], None]
    claims: list[SeenClaim] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    step: str = ""

    @contextmanager
    def stepping(self, step: str) -> Iterator[None]:
        """Print the title of a step, and its time when it is done."""
        self.step = step
        self.report(f"\n{step}")
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[step] = round(time.monotonic() - began, 1)
            self.report(f"  {self.seconds[step]} s")

    def note(self, claim: str, seen: object) -> None:
        """Keep a claim that was seen to hold."""
        self.claims.append(SeenClaim(self.step, claim, str(seen)))
        self.report(f"  ✓ {claim}: {seen}")

    def require(self, holds: bool, claim: str, seen: object) -> None:
        """Keep a claim. Raises `WalkFailed` if it does not hold."""
        if not holds:
            self.report(f"  ✗ {claim}: {seen}")
            raise WalkFailed(f"{self.step}: {claim}: {seen}")
        self.note(claim, seen)

    def write(self, file: Path) -> None:
        """Write all claims and times as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        value = {"claims": [asdict(claim) for claim in self.claims], "seconds": self.seconds}
        file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def await_value(
    read: Callable[[], str],
    is_reached: Callable[[str], bool],
    seconds: float,
    what: str,
    *,
    pause: float = 0.5,
) -> str:
    """Poll until the value is as expected and return it. Raises `WalkFailed` with the last one.

    `pause` is the seconds between two looks.
    """
    give_up = time.monotonic() + seconds
    while not is_reached(value := read()):
        if time.monotonic() > give_up:
            raise WalkFailed(f"{what}: not reached in {seconds:g} s, last seen: {value[-1500:]}")
        time.sleep(pause)
    return value
