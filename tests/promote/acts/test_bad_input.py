"""Bad input gets a clear refusal and nothing changes: the whole command line on a real platform."""

import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from goldenpath.cli.main import main
from goldenpath.digest import Digest
from goldenpath.promote.manifests.routed_services import is_service_file
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import Statement
from tests.promote.road import CONTRACT, Road

OLD = timedelta(days=40)


class Town(Road):
    """A platform with releases that each have a fault."""

    def named(self, name: str, *, stages: tuple[str, ...] = ("dev", "test")) -> Digest:
        """A release of a model of its own."""
        digest = self.release(name.encode(), contract=replace(CONTRACT, name=name))
        for stage in stages:
            assert self.promote(digest, stage).commit
        return digest

    def edit(self, files: dict[str, bytes | None], key: SshKey | None = None) -> None:
        """Make a commit by hand, signed by the engineer unless another key is given."""
        engineer = self.people["platform-engineer"]
        self.repository.commit(
            self.repository.fetch(), files, "by hand", engineer.name, key=key or engineer.key,
            now=datetime.now(UTC),
        )  # fmt: skip

    def git(self, *arguments: str, text: bytes = b"") -> str:
        """Git on the bare repository, as somebody with access to it would use it."""
        command = ["git", f"--git-dir={self.home.gitops}", *arguments]
        identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        done = subprocess.run(
            [command[0], *identity, *command[1:]], input=text, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def state(self) -> tuple[str, str, int]:
        """Everything that a verb could change: references, statements about releases, tags."""
        said = (self.home.registry / "index.json").read_text()
        return self.git("for-each-ref"), said, len(list(self.home.registry.rglob("*")))


@dataclass(frozen=True)
class Scene:
    """The platform, and its releases by their fault."""

    town: Town
    releases: dict[str, Digest]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """One platform for all tests: each test checks that it is unchanged."""
    town = Town(tmp_path_factory.mktemp("town"), datetime.now(UTC) - OLD)
    releases = {"expired": town.named("expired")}
    town.approve(releases["expired"], "validator", "risk-manager")
    town.now, town.is_live = datetime.now(UTC) - timedelta(minutes=30), True
    for name in ("unapproved", "renewed", "mine"):
        releases[name] = town.named(name)
    releases["fresh"] = town.named("fresh", stages=())
    twin = town.release(b"twin", contract=replace(CONTRACT, name="unapproved"))
    town.approve(twin, "validator", "risk-manager")  # over another digest of the same model
    for name in ("renewed", "mine"):
        town.approve(releases[name], "validator", "risk-manager")
    news = Statement((releases["renewed"],), "https://example.org/scan/v1", {"found": 1})
    attach(
        town.store, town.store.resolve(releases["renewed"].text), news, town.signer, now=town.now
    )
    SshKey.generate(town.folder / "stranger")
    return Scene(town, releases)


@pytest.fixture
def words(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator["Said"]:
    monkeypatch.setenv("GOLDENPATH_HOME", str(scene.town.home.root))
    yield Said(scene.town, capsys)


class Said:
    """Run the command line as `goldenpath` does; return its exit code and its output."""

    def __init__(self, town: Town, capsys: pytest.CaptureFixture[str]) -> None:
        self._town, self._capsys = town, capsys

    def __call__(self, *arguments: str, by: str = "") -> tuple[int, str]:
        who = ("--as", by, "--key", str(self._town.folder / by)) if by else ()
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments, *who])
        captured = self._capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 1), captured.out + captured.err


@pytest.mark.parametrize(
    ("command", "by", "code", "said"),
    [
        ("promote fresh --stage live", "platform-engineer", 2, "expected one of dev, test, prod"),
        ("approve fresh --stage live", "validator", 2, "live"),
        ("promote fresh --stage test", "platform-engineer", 7, "FAIL   stage-before"),
        ("promote unapproved --stage prod", "platform-engineer", 7, "0 of 2"),
        ("promote renewed --stage prod", "platform-engineer", 7, "other evidence"),
        ("promote expired --stage prod", "platform-engineer", 7, "expired on"),
        ("promote mine --stage prod", "validator", 7, "is the person who promotes"),
        ("approve fresh --stage prod", "data-scientist", 2, "author of the change"),
        ("approve fresh --stage prod", "platform-engineer", 2, "none of the roles"),
        ("approve fresh --stage prod", "stranger", 2, "stranger"),
        ("promote fresh --stage dev", "stranger", 2, "stranger"),
        ("promote mine --stage prod --canary 50,10,100", "platform-engineer", 2, "rising numbers"),
        ("rollback fresh --stage dev --reason x", "platform-engineer", 3, "fresh"),
        ("rollback mine --stage live --reason x", "platform-engineer", 2, "live"),
        ("hold mine --stage live --reason x", "platform-engineer", 2, "live"),
        ("hold mine --stage dev --reason ' '", "platform-engineer", 2, "a reason is needed"),
        ("rollback mine --stage dev --reason ''", "platform-engineer", 2, "a reason is needed"),
        ("rollout mine --stage dev --percent 50", "platform-engineer", 2, "mine"),
    ],
)
def test_what_may_not_be_is_refused_and_nothing_changes(
    scene: Scene, words: Said, command: str, by: str, code: int, said: str
) -> None:
    is_verb_of_a_release = command.split()[0] in ("promote", "approve")
    arguments = [
        scene.releases[word].text if is_verb_of_a_release and word in scene.releases else word
        for word in shlex.split(command)
    ]
    before = scene.town.state()

    ended, told = words(*arguments, by=by)

    assert (ended, said in told) == (code, True), told
    assert scene.town.state() == before


def test_a_file_in_which_two_edits_collided_is_refused_until_it_is_whole_again(
    scene: Scene, words: Said
) -> None:
    town = scene.town
    files = town.repository.entries(town.trusted().commit, "envs/dev/mine")
    (path,) = [each for each in files if is_service_file(each.rpartition("/")[2])]
    whole = town.repository.read(town.trusted().commit, path)
    assert whole is not None
    ours, theirs = whole, whole.replace(b"minReplicas: 1", b"minReplicas: 2")
    town.edit({path: b"<<<<<<< ours\n" + ours + b"=======\n" + theirs + b">>>>>>> theirs\n"})
    newer = town.release(b"newer", contract=replace(CONTRACT, name="mine"))
    before = town.state()

    for command in (
        ("promote", newer.text, "--stage", "dev"),
        ("rollback", "mine", "--stage", "dev", "--reason", "x"),
        ("hold", "mine", "--stage", "dev", "--reason", "x"),
    ):
        code, told = words(*command, by="platform-engineer")
        assert (code, f"{path} is not valid YAML" in told) == (2, True), told
    assert town.state() == before
    town.edit({path: whole})
    assert words("promote", newer.text, "--stage", "dev", by="platform-engineer")[0] == 0


def test_a_commit_that_nobody_signed_stops_every_change(scene: Scene, words: Said) -> None:
    """This test is the last one: its commit cannot be taken out of the history again."""
    town, fresh = scene.town, scene.releases["fresh"].text
    trusted = town.trusted().commit
    made = town.git("commit-tree", "-p", "main", "-m", "quick fix", "main^{tree}")
    town.git("update-ref", "refs/heads/main", made)
    before = town.state()
    said = f"commit {made[:12]} is not signed"

    for command, by in (
        (("promote", fresh, "--stage", "dev"), "validator"),
        (("rollback", "mine", "--stage", "dev", "--reason", "x"), "validator"),
        (("approve", fresh, "--stage", "prod"), "validator"),
        (("sod",), ""),
        (("why", "mine", "--stage", "prod"), ""),
    ):
        code, told = words(*command, by=by)
        assert (code, said in told) == (4, True), told
    code, told = words("inventory")
    assert (code, said in told, trusted[:12] in told) == (7, True, True), told
    assert town.state() == before
