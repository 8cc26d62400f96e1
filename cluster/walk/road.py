"""The road before the cluster: a platform, its people, a project, and signed releases of it."""

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.quick_project import commit, quicken

from cluster.control_plane import ControlPlane
from cluster.registry import Registry
from cluster.walk.record import WalkFailed
from goldenpath.demo.bank_statements import write_statements
from goldenpath.demo.walk import environment
from goldenpath.processes.tool import run_tool

MODEL = "credit-default"
STAGES = ("dev", "test", "prod")
ENGINEER, SCIENTIST = "platform-engineer", "data-scientist"
_PEOPLE = (SCIENTIST, "validator", "risk-manager")
_NUMBER = re.compile(r"^# Release \d+ of the walk\.\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ClusterRoad:
    """A home with its own gitops repository, beside the cluster that follows it."""

    folder: Path
    registry: Registry
    environment: Mapping[str, str]

    @property
    def home(self) -> Path:
        """The home, with the keys of machines."""
        return self.folder / ".goldenpath"

    @property
    def gitops(self) -> Path:
        """The bare repository that Argo CD reads."""
        return self.home / "gitops.git"

    @property
    def prefix(self) -> str:
        """Host and path of releases in the registry of the cluster."""
        return f"{self.registry.host}/models"

    def run(self, line: str, *, into: str = "", expect: int = 0) -> str:
        """Run a verb of goldenpath and return what it printed. Raises `WalkFailed`."""
        exit_code, printed, complaint = self.attempt(line, into=into)
        if exit_code != expect:
            seen = " ".join(f"{printed[-3000:]} {complaint}".split())
            raise WalkFailed(f"goldenpath {line} ended with {exit_code}: {seen}")
        return printed

    def attempt(self, line: str, *, into: str = "") -> tuple[int, str, str]:
        """Run a verb and return its exit code, what it printed, and its complaint."""
        program = str(Path(sys.executable).parent / "goldenpath")
        run = run_tool(
            [program, *shlex.split(line)],
            folder=self.folder / into,
            environment=self.environment,
            seconds=600,
        )
        return run.exit_code, run.text, run.complaint

    def ask(self, line: str) -> dict[str, object]:
        """Run a verb and return its JSON."""
        value = json.loads(self.run(f"{line} --output json"))
        return value if isinstance(value, dict) else {"items": value}

    def build(self, number: int) -> str:
        """Train at a commit of its own, pack and sign, push to the cluster; return the digest.

        The releases learn alike, so that the gate that compares with the live one lets each pass.
        """
        declaration = self.folder / MODEL / "goldenpath.toml"
        text = _NUMBER.sub("", declaration.read_text("utf-8"))
        declaration.write_text(f"{text}# Release {number} of the walk.\n", "utf-8")
        commit(self.folder / MODEL)
        built = json.loads(self.run("build --output json", into=MODEL))
        digest = str(built["digest"])
        self.run(f"push {digest} {self.prefix}/{MODEL}:release-{number}")
        return digest

    def enter(self, digest: str, stage: str, *flags: str) -> None:
        """Promote a release into a stage, with the approvals that production asks for."""
        person = SCIENTIST
        if stage == "prod":
            person = ENGINEER
            for approver in ("validator", "risk-manager"):
                self.run(f"approve {digest} --stage prod {acting(approver)}")
        self.run(f"promote {digest} --stage {stage} {' '.join(flags)} {acting(person)}")

    def blob(self, path: str) -> bytes:
        """Return a file of the gitops repository, as main has it."""
        return self._git("cat-file", "blob", f"main:{path}")

    def head(self, branch: str = "main") -> str:
        """Return the newest commit of a branch of the gitops repository; empty without one."""
        shown = "--format=%(objectname)"
        return self._git("for-each-ref", shown, f"refs/heads/{branch}").decode("ascii").strip()

    def author(self, commit: str) -> str:
        """Return who made a commit."""
        return self._git("log", "-1", "--format=%an", commit).decode("utf-8").strip()

    def _git(self, *arguments: str) -> bytes:
        run = run_tool(["git", f"--git-dir={self.gitops}", *arguments])
        if run.exit_code:
            raise WalkFailed(f"git {arguments[0]}: {run.complaint}")
        return run.output


def loosen(thresholds: Path) -> None:
    """Let the gates take a model that learned for a second: the walk is not about its quality."""
    text = re.sub(r"minimum(_ratio)?: 0\.\d+", r"minimum\1: 0.01", thresholds.read_text("utf-8"))
    thresholds.write_text(re.sub(r"maximum: 0\.\d+", "maximum: 5.0", text), "utf-8")


def acting(person: str) -> str:
    """Return the flags for a person and their own key."""
    return f"--as {person} --key keys/{person}"


def begin_road(folder: Path, registry: Registry, plane: ControlPlane) -> ClusterRoad:
    """Set up the platform, its people and the project."""
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    values = {
        **environment(folder, os.environ),
        "GOLDENPATH_CA_FILE": str(registry.authority),
        "KUBECONFIG": str(plane.kubeconfig),
    }
    values["PATH"] = f"{plane.programs}{os.pathsep}{values['PATH']}"
    road = ClusterRoad(folder, registry, values)
    road.run(
        f"init --as {ENGINEER} --key keys/{ENGINEER} --make-key --demonstration "
        f"--registry {road.prefix} --url file://{road.gitops}"
    )
    for person in _PEOPLE:
        road.run(
            f"person add {person} --role {person} --ssh-key keys/{person}.pub --make-key "
            f"{acting(ENGINEER)}"
        )
    road.run(f"new {MODEL}")
    write_statements(folder / MODEL, datetime.now(UTC).date())
    loosen(folder / MODEL / "compliance" / "thresholds.yaml")
    quicken(folder / MODEL)
    return road
