"""The rules of the house, checked: size, names, effects, and what may not stand in a file.

Each rule has one table of exceptions with their reasons. An exception that is no longer needed is
a failure too, so the tables only shrink.
"""

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import pytest

Node = TypeVar("Node", bound=ast.AST)

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "goldenpath"
STARTERS = {"starter", "frameworks", "templates"}
MODULES = sorted(
    path for path in SOURCE.rglob("*.py") if not STARTERS & set(path.relative_to(SOURCE).parts)
)
SAY_NOTHING = {"utils", "helpers", "common", "misc", "base", "core", "manager", "service"} | {
    "handler",
    "engine",
}
MOST_LINES, MOST_IN_FUNCTION, MOST_MODULES, MOST_POSITIONAL = 350, 60, 15, 4
REFUSED_LOCALS = frozenset({"said", "told", "word"})
REFUSED_LOCALS_LEFT = 2
"""Files that still use one; only ever set lower."""

LARGE_PACKAGES = {
    "cli": "a file for each verb",
}
SHARED_CLASSES: Mapping[str, str] = {}
SHARED_MODULES: Mapping[str, str] = {}
MANY_POSITIONAL: Mapping[str, str] = {}
CIRCLES = {
    "goldenpath.http.listener": "makes connections, which call it back",
    "goldenpath.http.server_connection": "is made by a listener, and calls it back",
}
NETWORK = {
    "attacks/registries/credential_attacks.py": "a lenient client, which follows every redirect",
    "oci/stores/registry_refusal.py": "a registry is no JSON API: its errors have own codes",
    "oci/stores/download.py": "a registry is no JSON API: ranges, mirrors, streams",
    "oci/stores/transport.py": "a registry is no JSON API: tokens, redirects, uploads",
}
EFFECTS: Mapping[str, tuple[frozenset[str], str, Mapping[str, str]]] = {
    "nothing parses HTTP but our own reader": (frozenset({"httptools"}), "tests", {}),
    "only http has clients": (frozenset({"urllib3"}), "http", NETWORK),
    "only http makes TLS": (frozenset({"ssl"}), "http", {
        "attacks/callers/certificate_attacks.py": "the client that shows a wrong certificate",
        "attacks/registries": "a hostile registry with TLS",
        "compose/listeners.py": "checks a certificate before anything starts",
        "observe/telemetry/scraping.py": "hands a context of http on to its listener",
        "serve/server/listener_files.py": "hands a context of http on to its listener",
        "serve/server/model_server.py": "hands a context of http on to its listener",
    }),
    "only processes starts programs": (frozenset({"subprocess"}), "processes", {
        "attacks/programs": "the programs of attackers, and one that they aim at",
        "promote/repository/git.py": "git, the one way to the repository",
        "release/catalogue/catalogue_process.py": "MLflow in a process of its own",
        "serve/model/worker.py": "the sandbox of a model that is code",
        "train/environment/environment_cache.py": "compiles an environment once",
        "train/environment/locked_environment.py": "the versions of uv and Python",
        "train/environment/rebuild.py": "uv",
        "train/environment/uv_program.py": "uv in its sandbox",
        "train/environment/wheels.py": "pip",
        "train/program.py": "a training, in its sandbox",
        "train/python_content.py": "a model that is scored, in its sandbox",
        "train/source/project_repository.py": "git on the objects of the project",
        "train/source_state.py": "ssh-keygen, which reads the signature of a commit",
    }),
    "only files locks": (frozenset({"fcntl"}), "files", {}),
}  # fmt: skip
WHOLE_FILES: Mapping[str, str] = {
    "audit/events/event_log.py": "appends a line and syncs it",
    "compose/containers/fetching.py": "moves files to a folder that is mounted",
    "images/image_archive.py": "streams an archive that is too large for memory",
    "observe/telemetry/otlp.py": "moves full files of telemetry aside",
    "oci/stores/folder.py": "streams a blob that is too large for memory",
    "project/scaffold.py": "moves a whole new project to its place",
    "release/artifact/unpack.py": "streams files and moves the whole folder to its place",
    "serve/model/model_files.py": "parts our files from the model's in a folder of its own",
    "serve/record/spool.py": "a buffer and its file change their names together",
    "serve/record/spool_buffer.py": "a buffer is renamed while it is mapped",
    "serve/table/result_folder.py": "streams a result that is larger than memory",
    "train/data/data_cache.py": "moves fetched data to its place once its digest is right",
    "train/environment/wheels.py": "streams a wheel that is too large for memory",
}
"""Why a file renames or syncs by itself. Everything else uses `files`."""


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _nodes(path: Path) -> Mapping[type[ast.AST], list[ast.AST]]:
    """Every node of a file by its type, once for all rules."""
    found: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
    for node in ast.walk(_tree(path)):
        found[type(node)].append(node)
    return found


def _of(path: Path, kind: type[Node]) -> list[Node]:
    """The nodes of one type."""
    return cast("list[Node]", _nodes(path).get(kind, []))


def _inner(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _code_lines(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from _of(path, ast.FunctionDef)
    yield from _of(path, ast.AsyncFunctionDef)


def _excepted(name: str, exceptions: Mapping[str, str]) -> str:
    """The exception that stands for a file: itself or a folder above it."""
    return next((each for each in exceptions if name == each or name.startswith(f"{each}/")), "")


def _check(broken: Mapping[str, object], exceptions: Mapping[str, str]) -> None:
    """Fails for what is broken without an exception, and for an exception without need."""
    unexpected = {name: why for name, why in broken.items() if not _excepted(name, exceptions)}
    needed = {_excepted(name, exceptions) for name in broken}

    assert not unexpected
    assert not set(exceptions) - needed, "these exceptions are needed no longer"


def test_a_module_is_short_and_says_why_it_exists() -> None:
    faults = {_inner(path): found for path in MODULES if (found := list(_size_faults(path)))}

    assert not faults


def _size_faults(path: Path) -> Iterator[str]:
    if path.stem in SAY_NOTHING:
        yield "its name says nothing"
    if (lines := _code_lines(path.read_text())) > MOST_LINES:
        yield f"it has {lines} code lines"
    if not ast.get_docstring(_tree(path)):
        yield "a module starts with why it exists"
    for function in _functions(path):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > MOST_IN_FUNCTION:
            yield f"{function.name} has {length} lines"


def test_a_public_class_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in _tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(_inner(path))

    _check({name: where for name, where in places.items() if len(where) > 1}, SHARED_CLASSES)


def test_a_module_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        if path.stem not in {"__init__", "__main__"} and path.parent != SOURCE / "cli":
            places[path.stem].append(_inner(path))

    _check({name: where for name, where in places.items() if len(where) > 1}, SHARED_MODULES)


def test_a_package_has_few_modules() -> None:
    sizes: dict[str, int] = defaultdict(int)
    for path in MODULES:
        if path.stem not in {"__init__", "__main__"}:
            sizes[path.parent.relative_to(SOURCE).as_posix()] += 1

    large = {name: size for name, size in sizes.items() if size > MOST_MODULES}
    _check(large, LARGE_PACKAGES)


def test_a_function_takes_few_positional_arguments() -> None:
    broken = {
        f"{_inner(path)}": function.name
        for path in MODULES
        for function in _functions(path)
        if _positional(function) > MOST_POSITIONAL and not _is_verb(function)
    }

    _check(broken, MANY_POSITIONAL)


def _positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def _is_verb(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether click calls it: by keyword, with what the command line says."""
    return any("click" in ast.unparse(each) for each in function.decorator_list)


@pytest.mark.parametrize("rule", EFFECTS)
def test_an_effect_has_one_home(rule: str) -> None:
    libraries, home, exceptions = EFFECTS[rule]
    broken = {
        _inner(path): sorted(libraries & _imported(path))
        for path in MODULES
        if libraries & _imported(path)
        and _inner(path) != f"{home}.py"
        and not _inner(path).startswith(f"{home}/")
    }

    _check(broken, exceptions)


@cache
def _imported(path: Path) -> set[str]:
    plain = {alias.name for node in _of(path, ast.Import) for alias in node.names}
    names = plain | {node.module for node in _of(path, ast.ImportFrom) if node.module}
    return {name.partition(".")[0] for name in names}


def test_only_files_writes_whole_files() -> None:
    """A file that is written in place is half there after a kill, so one module writes them."""
    broken = {
        _inner(path): sorted(calls)
        for path in MODULES
        if (calls := _renames_and_syncs(path)) and _inner(path) != "files.py"
    }

    _check(broken, WHOLE_FILES)


def _renames_and_syncs(path: Path) -> set[str]:
    """Calls such as `os.fsync(file)`, `os.replace(a, b)`, `path.replace(other)`."""
    verbs = {name.rpartition(".")[2] for name in _MOVES}
    found: set[str] = set()
    for call in _of(path, ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in verbs:
            name = f"{ast.unparse(call.func.value)}.{call.func.attr}"
            # `str.replace` has two arguments, `datetime.replace` and `structs.replace` have names.
            is_move = call.func.attr in {"rename", "replace"} and len(call.args) == 1
            if name in _MOVES or (is_move and not call.keywords):
                found.add(name)
    return found


_MOVES = frozenset({"os.fdatasync", "os.fsync", "os.rename", "os.replace", "shutil.move"})


def test_a_local_name_is_a_noun_for_its_value() -> None:
    left = [path for path in MODULES if REFUSED_LOCALS & _locals(path)]

    assert len(left) <= REFUSED_LOCALS_LEFT


def _locals(path: Path) -> set[str]:
    """Names that functions bind; a comprehension may use any."""
    inside = {id(name) for node in _of(path, ast.comprehension) for name in ast.walk(node.target)}
    return {
        node.id
        for node in _of(path, ast.Name)
        if isinstance(node.ctx, ast.Store) and id(node) not in inside
    }


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {_dotted(path): _own_imports(path) for path in MODULES}

    circles = {name: sorted(graph[name]) for name in graph if _reaches(graph, name)}
    _check(circles, CIRCLES)


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def _own_modules() -> frozenset[str]:
    return frozenset(map(_dotted, MODULES))


def _own_imports(path: Path) -> frozenset[str]:
    """Modules of ours that a module names, those of annotations included."""
    modules = _own_modules()
    names: set[str] = set()
    for node in _of(path, ast.ImportFrom):
        if node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & modules
            names |= inner or ({node.module} & modules)
    return frozenset(names)


def _reaches(graph: Mapping[str, frozenset[str]], name: str) -> bool:
    """Whether a module imports itself by way of others."""
    seen: set[str] = set()
    ahead = [*graph[name]]
    while ahead:
        module = ahead.pop()
        if module == name:
            return True
        if module not in seen:
            seen.add(module)
            ahead += graph[module]
    return False


def test_tests_stand_where_the_source_stands() -> None:
    rooms = {
        path.parent.relative_to(ROOT / "tests").as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
    }

    roots = (SOURCE, ROOT)  # the product, and what releases it
    assert not {room for room in rooms if not any((root / room).is_dir() for root in roots)}


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """The files of the repository that hold text."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return {
        name: (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for name in filter(None, listed)
        if (ROOT / name).is_file() and Path(name).suffix not in {".parquet", ".onnx", ".xz", ".png"}
    }


def test_no_file_names_an_index_or_a_machine(texts: dict[str, str]) -> None:
    forbidden = ["pypi" + ".org", "python" + "hosted", "/root" + "/", "/work" + "/", "/home" + "/"]

    for name, text in texts.items():
        for word in forbidden:
            assert word not in text, f"{name} holds {word}"


def test_no_file_holds_a_private_key(texts: dict[str, str]) -> None:
    key = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")

    assert not [name for name, text in texts.items() if key.search(text)]
    assert key.search("-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEA")
