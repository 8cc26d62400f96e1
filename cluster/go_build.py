"""Builds Go programs from modules by name, with the replacements that their authors build with."""

import json
import os
from pathlib import Path

from cluster.parts import GoProgram
from goldenpath.processes.tool import run_tool

FLAGS = ("-mod=mod", "-trimpath", "-buildvcs=false", "-p=2")
TIME_LIMIT = 3600
"""Seconds for one program; an API server takes five minutes of two cores."""


class BuildFailed(Exception):
    """A program could not be built; the message ends with the last lines that go wrote."""


def build(program: GoProgram, folder: Path) -> Path:
    """The built program in `folder`, kept under its version, so that a second call is free."""
    target = folder / "bin" / program.name
    kept = folder / "go" / f"{program.name}-{program.version}"
    if not kept.exists():
        work = folder / "go" / f"{program.name}.module"
        work.mkdir(parents=True, exist_ok=True)
        _write_module(program, work)
        _go(
            work,
            "build",
            *FLAGS,
            f"-ldflags={_linker(program)}",
            "-o",
            f"{kept}.part",
            _path(program),
        )
        Path(f"{kept}.part").rename(kept)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(kept)
    return target


def module_folder(of: GoProgram | tuple[str, str]) -> Path:
    """The unpacked module of a program, or of a module and its version, with its CRDs and files."""
    module, version = (of.module, of.version) if isinstance(of, GoProgram) else of
    described = json.loads(_go(Path.cwd(), "mod", "download", "-json", f"{module}@{version}"))
    return Path(described["Dir"])


def _path(program: GoProgram) -> str:
    return f"{program.module}/{program.package}".rstrip("/")


def _linker(program: GoProgram) -> str:
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in program.stamps)])


def _write_module(program: GoProgram, work: Path) -> None:
    """Write a module that needs the program's: `go install` refuses one with replacements."""
    (work / "go.mod").write_text("module goldenpath.example/cluster\n\ngo 1.26\n", "utf-8")
    needed = f"{program.module}@{program.version}"
    _go(work, "mod", "edit", f"-require={needed}")
    described = json.loads(_go(work, "mod", "download", "-json", needed))
    theirs = json.loads(_go(work, "mod", "edit", "-json", described["GoMod"]))
    staged = f"v0.{program.version.removeprefix('v').split('.', 1)[1]}"
    for requirement in theirs.get("Require") or ():
        # Modules that live in the program's own repository are required as v0.0.0.
        if requirement["Version"] == "v0.0.0":
            _go(
                work,
                "mod",
                "edit",
                f"-replace={requirement['Path']}={requirement['Path']}@{staged}",
            )
    for replacement in theirs.get("Replace") or ():
        old, new = replacement["Old"], replacement["New"]
        if "Version" not in new:
            continue  # A folder of their repository; covered by the loop above.
        version = f"@{old['Version']}" if "Version" in old else ""
        _go(work, "mod", "edit", f"-replace={old['Path']}{version}={new['Path']}@{new['Version']}")


def _go(work: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "GOFLAGS": "",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
    }
    run = run_tool(
        ["nice", "-n", "12", "go", *arguments],
        seconds=TIME_LIMIT,
        environment=environment,
        folder=work,
    )
    if run.exit_code:
        raise BuildFailed(f"go {arguments[0]} in {work.name} failed: {run.complaint}")
    return run.output.decode("utf-8")
