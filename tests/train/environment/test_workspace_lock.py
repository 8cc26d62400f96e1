"""A member of a uv workspace is built from its part of the workspace's lock."""

import shutil
import subprocess
from pathlib import Path

import pytest

from goldenpath.compose.building import project_faults
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.train.environment.lock_check import accepted_lock, read_lock
from goldenpath.train.environment.uv_lock import parse_lock, refuse_sources
from goldenpath.train.environment.workspace_lock import WorkspaceLock, member_lock
from goldenpath.train.source_state import open_checkout
from tests.starter import environment
from tests.train.environment.test_lock_check import SHOP

INDEX = 'source = { registry = "https://index.example/simple" }\n'
HEAD = """version = 1
revision = 3
requires-python = ">=3.11"
resolution-markers = [
    "python_full_version >= '3.12'",
    "python_full_version < '3.12'",
]

[options]
exclude-newer = "2026-01-01T00:00:00Z"

[manifest]
members = [
    "credit",
    "house",
]
"""


def entry(name: str, needs: str = "", version: str = "1.0", source: str = INDEX) -> str:
    return (
        f'\n[[package]]\nname = "{name}"\nversion = "{version}"\n{source}dependencies = [{needs}]\n'
    )


MEMBER = 'source = { editable = "packages/credit" }\n'
LOCK = HEAD + "".join(
    (
        entry("credit", '{ name = "numpy" }, { name = "two", version = "2.0" }', source=MEMBER),
        "\n[package.dev-dependencies]\ndev = [\n    { name = \"pytest\" },\n]\n",
        entry("house", '{ name = "torch" }', source='source = { editable = "packages/house" }\n'),
        entry("numpy", '{ name = "base" }'),
        entry("base"),
        entry("pytest"),
        entry("torch"),
        entry("two", version="1.0"),
        entry("two", version="2.0"),
    )
)  # fmt: skip


WORKSPACE = """
[tool.uv.workspace]
members = ["models/*"]

[tool.uv]
environments = ["sys_platform == 'linux' and platform_machine == 'x86_64'"]
"""


def of(text: str, member: str = "packages/credit") -> WorkspaceLock:
    return WorkspaceLock("/workspace", text.encode(), member)


def test_a_member_gets_its_own_entry_and_what_it_needs_and_nothing_else() -> None:
    lock = member_lock(of(LOCK))

    packages = {(each.name, each.version): each for each in parse_lock(lock)}
    assert set(packages) == {
        ("credit", "1.0"), ("numpy", "1.0"), ("base", "1.0"), ("pytest", "1.0"), ("two", "2.0")
    }  # fmt: skip
    assert packages["credit", "1.0"].is_project
    assert b"manifest" not in lock
    assert b"exclude-newer" not in lock
    assert b"python_full_version >= '3.12'" in lock


def test_line_ends_of_another_system_change_nothing() -> None:
    assert member_lock(of(LOCK.replace("\n", "\r\n"))) == member_lock(of(LOCK))


def test_a_member_that_needs_another_member_is_told_what_to_do() -> None:
    text = LOCK.replace('{ name = "numpy" },', '{ name = "numpy" }, { name = "house" },', 1)

    with pytest.raises(InvalidInput, match="house comes from editable packages/house") as refused:
        refuse_sources(parse_lock(member_lock(of(text))), ("https://index.example/simple",))

    assert "Publish a package of your own repository" in (refused.value.hint or "")


@pytest.mark.parametrize("member", ["packages/other", "credit", "packages"])
def test_a_project_that_the_lock_does_not_list_is_told_so(member: str) -> None:
    with pytest.raises(InvalidInput, match=f"does not list {member}") as refused:
        member_lock(of(LOCK, member))

    assert "[tool.uv.workspace] members" in (refused.value.hint or "")


def test_a_lock_that_uv_did_not_write_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not as uv writes it"):
        member_lock(of(LOCK + '\n[[ package ]]\nname = "more"\nsource = { registry = "x" }\n'))
    with pytest.raises(InvalidInput, match="not valid TOML"):
        member_lock(of("version = "))


@pytest.fixture
def member(project: Path) -> Path:
    """The project, without a lock of its own, in a workspace that has one."""
    top = project.parent / "bank"
    member = top / "models" / project.name
    member.parent.mkdir(parents=True)
    project.rename(member)
    shutil.rmtree(member / ".git")
    own = (member / "uv.lock").read_text()
    (member / "uv.lock").unlink()
    listed = own.replace('editable = "."', f'editable = "models/{project.name}"')
    assert listed != own
    head, _, packages = listed.partition("[[package]]")
    listed = f'{head}[manifest]\nmembers = ["{project.name}"]\n\n[[package]]{packages}'
    (top / "uv.lock").write_text(listed + entry("stranger"))
    (top / "own.lock").write_text(own)
    (top / "pyproject.toml").write_text(WORKSPACE)
    for words in (("init", "-q"), ("add", "--all"), ("commit", "-q", "-m", "bank")):
        subprocess.run(["git", *words], cwd=top, env=environment(), check=True)
    return member


def test_check_and_build_take_the_lock_at_the_root(member: Path, tmp_path: Path) -> None:
    top, lock = member.parents[1], read_lock(member)

    faults = project_faults(Home(top / "h"), member)
    assert [each for each in faults if each.file == "uv.lock"] == []
    assert accepted_lock(member, SHOP, (), ())[0] == lock
    names = {each.name for each in parse_lock((top / "own.lock").read_bytes())}
    assert {each.name for each in parse_lock(lock)} == names
    with open_checkout(member, environment()) as checkout:
        checkout.export(tmp_path / "source", ())
    assert (tmp_path / "source" / "uv.lock").read_bytes() == lock


def test_a_build_reads_the_lock_of_the_commit(member: Path, tmp_path: Path) -> None:
    committed = read_lock(member)
    (member.parents[1] / "uv.lock").write_text("version = 1\n")

    with open_checkout(member, environment()) as checkout:
        assert not checkout.state.dirty
        checkout.export(tmp_path / "source", ())

    assert (tmp_path / "source" / "uv.lock").read_bytes() == committed


def test_a_stale_lock_of_the_workspace_is_written_again_there(member: Path) -> None:
    declared = member / "pyproject.toml"
    declared.write_text(declared.read_text().replace('  "numpy",\n', '  "numpy",\n  "joblib",\n'))

    with pytest.raises(InvalidInput, match="is stale") as refused:
        accepted_lock(member, SHOP, (), ())

    assert f"run uv lock in {member.parents[1]} and commit" in (refused.value.hint or "")


def test_a_lock_above_the_repository_of_the_project_does_not_count(member: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=member, env=environment(), check=True)

    with pytest.raises(InvalidInput, match="is missing"):
        read_lock(member)
