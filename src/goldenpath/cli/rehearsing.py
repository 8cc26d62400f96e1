"""The output of `goldenpath build`, and its rehearsal, which makes no release."""

import sys

from goldenpath import compose
from goldenpath.cli.output import Format, note, show
from goldenpath.cli.progress import Steps, working
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.project.spec import Project
from goldenpath.release.build import Built
from goldenpath.train.build_folder import build_folder
from goldenpath.train.run import rehearse


def rehearsed(project: Project, home: Home, output: Format) -> None:
    """Run lint, tests and smoke training without keys or a platform; exit 2 if one failed."""
    with build_folder(home.builds, project.name) as work, working() as report:
        checks = rehearse(
            project,
            work,
            uv=compose.uv(),
            report=report,
            tools=compose.tools(),
            # A rehearsal leaves nothing, so it makes no cache; a build here may have left one.
            kept=home.build_cache if home.build_cache.is_dir() else None,
            data_cache=compose.data_cache(home, report),
        )
        note_durations(report)
    lines = [f"{'ok' if each.passed else 'FAIL':6} {each.name:16} {each.detail}" for each in checks]
    show({"checks": checks}, "\n".join(lines), output)
    if not all(each.passed for each in checks):
        sys.exit(InvalidInput.exit_code)


def note_durations(steps: Steps) -> None:
    """Say how long each step took."""
    for step, seconds in steps.durations():
        note(f"{seconds:8.1f} s  {step}")


def built_text(built: Built) -> str:
    """Return the metrics over all rows, and the names of the release."""
    overall = [metric for metric in built.run.metrics if not metric.slice]
    lines = [
        f"{metric.name:24} {metric.value:.4f}"
        + (f"  ({metric.low:.4f} to {metric.high:.4f})" if metric.low is not None else "")
        for metric in overall
    ]
    return "\n".join(
        [
            *lines,
            f"catalogue                version {built.catalogue_version}",
            f"tag                      {built.tag}",
            f"digest                   {built.digest}",
        ]
    )
