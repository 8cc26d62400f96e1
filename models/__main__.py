"""`python -m models [NAME...]`: every model on the road, and a table of it.

Each model is made in an environment of its libraries. Then it takes five commands to an answer in
dev: `adopt` or `new`, `build`, `promote`, `up`, `send`. The table has the seconds of each, and the
lines that somebody wrote. It goes to `build/models.md`. The first failure of a model ends that
model; the exit code says whether all arrived.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOLDENPATH, UV = (Path(sys.executable).parent / name for name in ("goldenpath", "uv"))
LIBRARIES = ("scikit-learn", "lightgbm", "xgboost-cpu", "pandas", "joblib")
TABLE = ROOT / "build" / "models.md"
SENT = "300"


@dataclass(frozen=True, slots=True)
class Brought:
    """A model as somebody has it, and the flags that say what no file says."""

    about: str
    file: str
    flags: tuple[str, ...]


MODELS: Mapping[str, Brought] = {
    "credit": Brought(
        "scikit-learn pipeline, texts and gaps", "model.pkl",
        ("--target", "default", "--key", "client", "--slices", "region"),
    ),
    "mortgage": Brought(
        "XGBoost on data like those of HMDA", "model.json",
        ("--target", "denied", "--key", "application", "--protected", "derived_sex"),
    ),
    "native": Brought(
        "LightGBM with native categories", "model.pkl",
        ("--target", "default", "--key", "client", "--slices", "region"),
    ),
    "claims": Brought(
        "LightGBM, poisson", "model.txt",
        ("--target", "claims", "--key", "client", "--task", "value", "--unit", "claims a year",
         "--features", "age,income"),
    ),
    "rent": Brought(
        "a regression in euros", "model.pkl",
        ("--target", "rent", "--key", "flat", "--unit", "EUR a month", "--features", "area,year"),
    ),
    "digits": Brought(
        "ten classes of pictures", "model.pkl", ("--target", "digit", "--task", "classes")
    ),
    "script": Brought(
        "a training script with joblib", "train.py",
        ("--target", "default", "--key", "client", "--features", "age,income"),
    ),
    "text": Brought("a sentence model (MiniLM) with a head", "", ()),
}  # fmt: skip
"""Every model by name. One without a file is a template."""


@dataclass(slots=True)
class Journey:
    """What one model took."""

    name: str
    folder: Path
    lines: int = 0
    """Lines of code that somebody wrote: those of the model itself."""
    seconds: dict[str, float] = field(default_factory=dict)
    reached: str = ""
    """The answers of `send`, or the command that failed and its last words."""
    has_arrived: bool = False

    def run(self, *words: str, at: Path | None = None) -> str:
        """Run one command of the road, and keep its seconds. Raises `RuntimeError` if it fails."""
        began = time.monotonic()
        environment = {**os.environ, "GOLDENPATH_HOME": str(self.folder / "home")}
        done = subprocess.run(
            [GOLDENPATH, *words], cwd=at or self.folder, env=environment, capture_output=True,
            check=False,
        )  # fmt: skip
        self.seconds[words[0]] = time.monotonic() - began
        if done.returncode:
            shown = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise RuntimeError(f"{words[0]} ended with {done.returncode}: {' '.join(shown[-3:])}")
        return done.stdout.decode()


def walk(journey: Journey, brought: Brought, libraries: Path) -> None:
    """Take one model along the road."""
    project = journey.folder / "project"
    journey.run("init", "--as", "eng", "--key", "eng", "--make-key")
    if brought.file:
        journey.lines = _make(journey, libraries)
        given = journey.folder / "given"
        journey.run(
            "adopt", str(given / brought.file), "--rows", str(given / "rows.csv"), "--name",
            journey.name, "--into", str(project), "--tier", "low", *brought.flags,
        )  # fmt: skip
        rows = project / "data" / "rows.parquet"
    else:
        journey.run("new", journey.name, "--template", "text", at=journey.folder)
        (journey.folder / journey.name).rename(project)
        journey.lines = _lines_below(project / "src")
        rows = project / "data" / "messages.parquet"
    digest = json.loads(journey.run("build", "--output", "json", at=project))["digest"]
    key = ("--as", "eng", "--key", str(journey.folder / "eng"))
    journey.run("promote", str(digest), "--to", "dev", *key)
    try:
        journey.run("up", "--listen", "127.0.0.1:0", "--detach")
        sent = json.loads(
            journey.run("send", journey.name, "--stage", "dev", "--rows", str(rows), "--limit",
                        SENT, "--output", "json")
        )  # fmt: skip
    finally:
        # What failed before is what the table has to say.
        with contextlib.suppress(RuntimeError):
            journey.run("down")
    journey.has_arrived = (sent["rows"], sent["failed"]) == (int(SENT), 0)
    journey.reached = f"{sent['rows']} answers, {sent['failed']} failed"


def _make(journey: Journey, libraries: Path) -> int:
    """Make the model in the environment of the libraries; return its lines of code."""
    script = Path(__file__).parent / "libraries" / "make.py"
    python = libraries / "bin" / "python"
    done = subprocess.run(
        [python, script, journey.name, journey.folder / "given"], check=True, stdout=subprocess.PIPE
    )
    return int(done.stdout)


def _lines_below(folder: Path) -> int:
    return sum(len(path.read_text("utf-8").splitlines()) for path in folder.rglob("*.py"))


def table(journeys: Sequence[Journey]) -> str:
    """Return the table of all models."""
    steps = ("adopt", "new", "build", "promote", "up", "send")
    lines = [
        "| model | what it is | its own lines | commands | "
        + " | ".join(f"{step}, s" for step in steps) + " | reached |",
        "|---|---|---:|---:|" + "---:|" * len(steps) + "---|",
    ]  # fmt: skip
    for each in journeys:
        times = [f"{each.seconds[step]:.1f}" if step in each.seconds else "" for step in steps]
        commands = sum(step in each.seconds for step in steps)
        cells = (each.name, MODELS[each.name].about, str(each.lines), str(commands), *times)
        lines.append(f"| {' | '.join(cells)} | {each.reached} |")
    return "\n".join(lines) + "\n"


def _libraries(folder: Path) -> Path:
    """Return an environment with the libraries that the models were made with."""
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    environment = {**os.environ, "VIRTUAL_ENV": str(folder)}
    subprocess.run([UV, "pip", "install", "--quiet", *LIBRARIES], check=True, env=environment)
    return folder


def main(names: Sequence[str]) -> int:
    """Walk the named models, or all; return the exit code."""
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        print(f"no model {unknown[0]}: expected some of {', '.join(MODELS)}", file=sys.stderr)
        return 2
    scratch = Path(tempfile.mkdtemp(prefix="goldenpath-models-"))
    journeys = []
    try:
        libraries = _libraries(scratch / "libraries")
        for name in names or MODELS:
            journey = Journey(name, scratch / name)
            journey.folder.mkdir()
            try:
                walk(journey, MODELS[name], libraries)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                journey.reached = str(error).replace("|", "/")
            journeys.append(journey)
            print(f"{name}: {journey.reached}", file=sys.stderr, flush=True)
            TABLE.parent.mkdir(exist_ok=True)
            TABLE.write_text(table(journeys), "utf-8")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(table(journeys), end="")
    return 0 if all(journey.has_arrived for journey in journeys) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
