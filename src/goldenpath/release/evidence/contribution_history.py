"""Reads from git who wrote which part of a project, for the provenance of a release.

All parents of every commit are followed, and nothing is taken from the order or the dates of
commits. Only objects are read: neither grafts, replacements nor a graph file of the project count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldenpath.errors import Unavailable, VerificationError
from goldenpath.release.attest.signatures.ssh_public_key import plain_fingerprint
from goldenpath.release.attest.signatures.sshsig import GIT_NAMESPACE
from goldenpath.release.attest.signatures.sshsig import verify as verify_ssh
from goldenpath.release.evidence.contributions import Contributions, Contributor, ReleasePart
from goldenpath.train.source.project_repository import ProjectRepository, project_repository
from goldenpath.train.source.source_export import committed_files

MOST_COMMITS = 50_000
"""Commits that are read at most; a longer history has a gap."""
MOST_PARTS = 5_000
"""Files that are told apart; a larger project is one part, which everybody wrote."""
_PLAIN = "100644"
_WHOLE = ""
"""The path of the part that stands for a project with too many files."""


@dataclass(frozen=True, slots=True)
class _History:
    commits: Mapping[str, bytes]
    gap: str


def contributions_of(
    root: Path, environment: Mapping[str, str], commit: str, *, most_parts: int = MOST_PARTS
) -> Contributions:
    """Return who wrote which part of the project `root` in a commit.

    What cannot be read is a gap and no error: whether it matters is for the approvals to say.
    """
    with project_repository(root, environment) as repository:
        try:
            return _read(replace(repository, commit=commit), most_parts)
        except (Unavailable, VerificationError) as error:
            return Contributions(gap=error.message)


def _read(repository: ProjectRepository, most_parts: int) -> Contributions:
    history = _history(repository)
    changed = _changed_paths(repository, tuple(history.commits))
    people: dict[Contributor, int] = {}
    writers: dict[str, set[int]] = {}
    for commit, paths in changed.items():
        contributor = _contributor(commit, history.commits[commit])
        place = people.setdefault(contributor, len(people))
        for path in paths:
            writers.setdefault(path, set()).add(place)
    contents = {
        _shown(each.path): each.identity if each.mode == _PLAIN else f"{each.mode} {each.identity}"
        for each in committed_files(repository)
    }
    parts = tuple(
        ReleasePart(path, contents.get(path, ""), tuple(sorted(writers.get(path, ()))))
        for path in sorted({*contents, *writers})
    )
    if len(parts) > most_parts:
        tree = repository.text("rev-parse", f"{repository.commit}:{repository.prefix.rstrip('/')}")
        parts = (ReleasePart(_WHOLE, tree, tuple(range(len(people)))),)
    return Contributions(tuple(people), parts, history.gap)


def _history(repository: ProjectRepository) -> _History:
    """Return every commit that can be reached; parents that a shallow clone lacks are a gap."""
    cut = _shallow(repository)
    commits: dict[str, bytes] = {}
    waiting, known, gap = [repository.commit], {repository.commit}, ""
    asked: list[str] = []

    def names() -> Iterator[str]:
        while waiting:
            asked.append(waiting.pop())
            yield asked[-1]

    for chunks in repository.objects(names()):
        commits[asked[-1]] = content = b"".join(chunks)
        if asked[-1] in cut:
            gap = "the build had a shallow clone, without the beginning of the history"
            continue
        new = [each for each in _parents(content) if each not in known]
        if len(known) + len(new) > MOST_COMMITS:
            gap = f"the history has more than {MOST_COMMITS} commits"
            break
        known.update(new)
        waiting += new
    return _History(commits, gap)


def _shallow(repository: ProjectRepository) -> frozenset[str]:
    """Return the commits at which a shallow clone ends."""
    file = repository.environment.get("GIT_SHALLOW_FILE")
    try:
        return frozenset(Path(file).read_text("ascii").split()) if file else frozenset()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"{file} cannot be read: {error}") from error


def _parents(content: bytes) -> Iterator[str]:
    for line in content.partition(b"\n\n")[0].split(b"\n"):
        name, _, value = line.partition(b" ")
        if name == b"parent":
            yield value.decode("ascii", "replace")


def _changed_paths(
    repository: ProjectRepository, commits: Sequence[str]
) -> Mapping[str, frozenset[str]]:
    """Return the paths of the project that each commit changed against any of its parents."""
    prefix = repository.prefix
    below = ["--", f":(top,literal){prefix.rstrip('/')}"] if prefix else []
    listed = repository.git(
        "-c", "core.commitGraph=false", "diff-tree", "--stdin", "--root", "-m", "-r", "-z",
        "--no-renames", "--raw", *below, stdin="".join(f"{each}\n" for each in commits).encode(),
    )  # fmt: skip
    changed: dict[str, set[str]] = {}
    # A path may look like a commit id, so only the position of a piece says what it is.
    commit, is_path = "", False
    for piece in listed.split(b"\0"):
        if is_path:
            path = _shown(piece.decode("utf-8", "surrogateescape"))
            changed.setdefault(commit, set()).add(path.removeprefix(prefix))
            is_path = False
        elif piece.startswith(b":"):
            is_path = True
        elif piece:
            commit = piece.split()[0].decode("ascii", "replace")
    return {each: frozenset(paths) for each, paths in changed.items()}


def _shown(path: str) -> str:
    """Return a path that JSON can hold; git allows any bytes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _contributor(commit: str, content: bytes) -> Contributor:
    head, _, message = content.partition(b"\n\n")
    header = b"gpgsig-sha256 " if len(commit) == 64 else b"gpgsig "
    signed: list[bytes] = []
    armour: list[bytes] = []
    author, target = "", signed
    for line in head.split(b"\n"):
        # A line that begins with a space continues the header before it (git, commit format).
        if not line.startswith(b" "):
            target = armour if line.startswith(b"gpgsig") else signed
        target.append(line)
        if line.startswith(b"author "):
            name = line.decode("utf-8", "replace").removeprefix("author ")
            author = name.rpartition(">")[0] + ">" if ">" in name else name
    if not armour or not armour[0].startswith(header):
        return Contributor(author)
    text = b"\n".join([armour[0].removeprefix(header), *(each[1:] for each in armour[1:])])
    try:
        key = verify_ssh(
            text.decode("ascii", "replace"), b"\n".join(signed) + b"\n\n" + message, GIT_NAMESPACE
        )
    except VerificationError:
        # An OpenPGP signature, or one of a kind that `platform.toml` cannot list: the name counts.
        return Contributor(author)
    return Contributor(author, plain_fingerprint(key))
