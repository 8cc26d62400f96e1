"""Creates a project: copies the starter under a new name, locks it, and makes the first commit.

A template is a complete project, such as the starter `credit-default`. A new project has the same
files, with the name and the Python release replaced. The statements of people stay empty: nobody
has approved anything yet.
"""

import keyword
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.processes.tool import run_tool
from goldenpath.version import __version__

_STARTER = "starter"
_SHARED = (".github", ".gitignore", ".gitlab-ci.yml", ".python-version", "compliance/roles.yaml")
"""What every template takes from the starter."""


@dataclass(frozen=True, slots=True)
class Template:
    """A complete project that a new one is copied from."""

    about: str
    folder: str
    """Folder beside this module."""
    name: str
    """The name that the new one replaces."""


_CREDIT = Template("a credit score, task probability", _STARTER, "credit-default")
TEMPLATES: Mapping[str, Template] = {
    "credit": _CREDIT,
    "pricing": Template(
        "a motor tariff in euros, task value", "templates/pricing", "motor-premium"
    ),
    "triage": Template("three kinds of claims, task classes", "templates/triage", "claim-triage"),
    "text": Template(
        "desks for messages, a sentence model and a head", "templates/text", "complaint-routing"
    ),
    "empty": Template("the smallest project: one feature", "templates/empty", "my-model"),
    "credit-default": _CREDIT,
}
"""The values of `goldenpath new --template`. The last one is the former name of the first."""
ADOPTED = "adopted"
SCRIPT = "script"
_ADOPTED = {
    ADOPTED: Template(
        "what surrounds a model that was trained elsewhere", "templates/adopted", "my-model"
    ),
    SCRIPT: Template(
        "what surrounds a training that is taken as it is", "templates/script", "my-model"
    ),
}


@dataclass(frozen=True, slots=True)
class Framework:
    """The differences of a project that trains with another library than the template's."""

    about: str
    folder: str = ""
    """Folder beside this module whose files replace those of the template."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Texts of the template and their replacements."""
    declaration: str = ""
    """Text that is appended to `goldenpath.toml`."""


FRAMEWORKS: Mapping[str, Framework] = {
    "scikit-learn": Framework("pipelines of scikit-learn, exported to ONNX by skl2onnx"),
    "lightgbm": Framework(
        "LightGBM, exported to ONNX split for split",
        "frameworks/lightgbm",
        {
            'kind = "logistic" # or "boosting"': 'kind = "boosting"',
            '  "numpy",\n': '  "lightgbm",\n  "numpy",\n',
            '  "skl2onnx",\n': "",
        },
    ),
    "xgboost": Framework(
        "XGBoost, exported to ONNX by onnxmltools",
        "frameworks/xgboost",
        {
            'kind = "logistic" # or "boosting"': 'kind = "boosting"',
            '  "onnx",\n': '  "onnx",\n  "onnxmltools",\n',
            '  "skl2onnx",\n': '  "xgboost-cpu",\n',
        },
    ),
    "onnx": Framework(
        "a graph that you write or bring yourself",
        "frameworks/onnx",
        {'  "skl2onnx",\n': ""},
    ),
    "python": Framework(
        "any code, served in a locked environment of its own",
        "frameworks/python",
        {
            'kind = "logistic" # or "boosting"': 'kind = "logistic"',
            'outputs = ["model.onnx"': 'outputs = ["scorecard.json"',
            '  "onnx",\n  "onnxruntime",\n  "pyarrow",\n  "scikit-learn",\n  "skl2onnx",\n': "",
            'dev = ["pytest", "ruff"]\n': 'dev = ["pytest", "ruff"]\n'
            "# What only the training needs: the model is served with the dependencies above.\n"
            'training = ["pyarrow", "scikit-learn"]\n',
            "[tool.uv]\n": '[tool.uv]\ndefault-groups = ["dev", "training"]\n',
        },
        """
[contract.python]
entry = "credit_default.serve:load"
time_limit = 1
memory_limit = 512
""",
    ),
}
"""The values of `goldenpath new --framework`: the library that trains the model."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_TEXT = {".toml", ".py", ".md", ".yaml", ".yml", ".txt", ".json", ""}
_SKIP = {"__pycache__", ".venv", ".pytest_cache", ".ruff_cache", "uv.lock"}


def create(
    name: str,
    destination: Path,
    *,
    uv: str,
    now: datetime,
    environment: Mapping[str, str],
    template: str = "credit",
    framework: str = "scikit-learn",
    report: Callable[[str], None] = lambda _: None,
    fill: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Create the project `name` in the new folder `destination`. Returns that folder.

    `fill` adds files to the copied template before it is locked and committed.

    The project is made in a temporary folder beside it and renamed once it is complete, so an
    interrupted or failed start leaves nothing. Raises `InvalidInput` for a bad name or an existing
    folder. Raises `Unavailable` if git or uv fail, mostly because no package index can be reached.
    """
    _check(name, template, framework)
    if destination.exists():
        raise InvalidInput(f"{destination} exists already", hint="choose another name or folder")
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=destination.parent) as scratch:
        folder = Path(scratch) / "project"
        report("copying the template")
        _copy_template(folder, name, template, FRAMEWORKS[framework])
        fill(folder)
        report("locking the environment with uv")
        _run([uv, "lock", "--quiet", "--python", sys.executable], folder, environment)
        report("making the first commit")
        _first_commit(folder, name, now, environment)
        folder.rename(destination)
    return destination


def _copy_template(folder: Path, name: str, template: str, framework: Framework) -> None:
    """Copy the files of the template, then those of the framework over them."""
    chosen, package = _template(template), resources.files(__package__)
    replacements = _replacements(name, chosen.name)
    if chosen.folder != _STARTER:
        folder.mkdir()
        shared = _replacements(name, _CREDIT.name)
        for path in _SHARED:
            _copy_entry(package.joinpath(_STARTER, path), folder / path, shared)
    _copy(package.joinpath(chosen.folder), folder, {**framework.texts, **replacements})
    if framework.folder:
        _copy(package.joinpath(framework.folder), folder, replacements)
    if framework.declaration:
        file = folder / "goldenpath.toml"
        added = _replaced(framework.declaration, replacements)
        file.write_text(file.read_text("utf-8") + added, "utf-8")


def _template(name: str) -> Template:
    return _ADOPTED[name] if name in _ADOPTED else TEMPLATES[name]


def _check(name: str, template: str, framework: str) -> None:
    if template not in {*TEMPLATES, *_ADOPTED}:
        known = ", ".join(TEMPLATES)
        raise InvalidInput(f"template {template!r} is unknown: expected one of {known}")
    if framework not in FRAMEWORKS:
        known = ", ".join(FRAMEWORKS)
        raise InvalidInput(f"framework {framework!r} is unknown: expected one of {known}")
    if framework != "scikit-learn" and _template(template).folder != _STARTER:
        raise InvalidInput(
            f"template {template!r} has one framework: expected no --framework, got {framework!r}",
            hint="leave out --framework, or use --template credit",
        )
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"{name!r} is not a name for a project: expected at most 63 lower-case letters, "
            "digits and hyphens, starting with a letter and ending with a letter or digit"
        )
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or package in sys.stdlib_module_names:
        raise InvalidInput(
            f"{name!r} is not a name for a project: {package} is a keyword or module of Python",
            hint="choose another name",
        )


def _replacements(name: str, template: str) -> Mapping[str, str]:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {
        template: name,
        template.replace("-", "_"): name.replace("-", "_"),
        '"==3.11.*"': f'"=={python}.*"',
        "python:3.11": f"python:{python}",
        "goldenpath==0.0.0": f"goldenpath=={__version__}",
        "sys_platform == 'linux'": f"sys_platform == '{sys.platform}'",
        "platform_machine == 'x86_64'": f"platform_machine == '{platform.machine()}'",
    }


def _copy(source: Traversable, target: Path, replacements: Mapping[str, str]) -> None:
    target.mkdir(exist_ok=True)
    for entry in sorted(source.iterdir(), key=lambda entry: entry.name):
        if entry.name in _SKIP:
            continue
        _copy_entry(entry, target / _replaced(entry.name, replacements), replacements)


def _copy_entry(entry: Traversable, path: Path, replacements: Mapping[str, str]) -> None:
    path.parent.mkdir(exist_ok=True)
    if entry.is_dir():
        _copy(entry, path, replacements)
    elif entry.name == ".python-version":
        path.write_text(f"{sys.version_info.major}.{sys.version_info.minor}\n", "utf-8")
    elif path.suffix in _TEXT:
        path.write_text(_replaced(entry.read_text("utf-8"), replacements), "utf-8")
    else:
        path.write_bytes(entry.read_bytes())


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text


def _first_commit(folder: Path, name: str, now: datetime, environment: Mapping[str, str]) -> None:
    def git(*arguments: str) -> str:
        return _run(["git", *arguments], folder, environment)

    git("init", "--quiet", "--initial-branch", "main")
    git("add", "--all")
    message = f"{name}: start from the template\n\nTrains, tests, packs and serves as it is."
    # Without a git identity the project is created all the same; a build asks for one later.
    identity = [] if _has_identity(folder, environment) else _PLACEHOLDER_IDENTITY
    stamp = now.astimezone(UTC).isoformat()
    dated = {**environment, "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
    _run(["git", *identity, "commit", "--quiet", "--message", message], folder, dated)


_TOOL_SECONDS = 900.0
"""For uv, which may download every package of the new project."""
_PLACEHOLDER_IDENTITY = ["-c", "user.name=goldenpath", "-c", "user.email=goldenpath@localhost"]


def _has_identity(folder: Path, environment: Mapping[str, str]) -> bool:
    if "GIT_AUTHOR_NAME" in environment and "GIT_COMMITTER_NAME" in environment:
        return True
    lookup = run_tool(["git", "config", "user.email"], folder=folder, environment=environment)
    return lookup.exit_code == 0


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    result = run_tool(command, seconds=_TOOL_SECONDS, folder=folder, environment=environment)
    if result.exit_code != 0:
        name = Path(command[0]).name
        raise Unavailable(f"{name} {command[1]} failed: {result.complaint}")
    return result.output.decode("utf-8", "replace")
