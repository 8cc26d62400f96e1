"""Where the parts of a cluster come from."""

import re
from pathlib import Path

import pytest

from cluster.controllers.contour import required_version
from cluster.parts import GO_PROGRAMS, program


def test_every_program_has_one_exact_version_and_a_name_of_its_own() -> None:
    assert len({each.name for each in GO_PROGRAMS}) == len(GO_PROGRAMS)
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", each.version) for each in GO_PROGRAMS)


def test_programs_of_kubernetes_know_their_version() -> None:
    stamps = dict(program("kube-apiserver").stamps)

    assert stamps["k8s.io/component-base/version.gitVersion"] == "v1.36.3"
    assert stamps["k8s.io/component-base/version.gitMinor"] == "36"


def test_a_requirement_is_read_from_a_go_mod(tmp_path: Path) -> None:
    file = tmp_path / "go.mod"
    file.write_text("require (\n\tsigs.k8s.io/gateway-api v1.3.0\n)\n")

    assert required_version(file, "sigs.k8s.io/gateway-api") == "v1.3.0"
    with pytest.raises(RuntimeError, match="does not require"):
        required_version(file, "sigs.k8s.io/gateway")


def versions() -> list[tuple[str, str, str]]:
    """The rows of the table of supported versions: part, versions, and how that is known."""
    page = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text("utf-8")
    table = page.partition("## Supported versions\n")[2].strip().partition("\n\n")[0]
    rows, part = [], ""
    for line in table.splitlines()[2:]:
        name, which, how = (cell.strip() for cell in line.strip("|").split("|"))
        part = name or part
        rows.append((part, which, how))
    return rows


def test_each_supported_version_was_walked_or_is_marked_as_not_tested() -> None:
    rows = versions()

    assert len(rows) > 10
    assert all(how.startswith(("walked", "not tested", "not walked")) for _, _, how in rows)
    walked = {part: which for part, which, how in rows if how.startswith("walked")}
    for part, name in (
        ("Kubernetes", "kube-apiserver"), ("KServe, mode Standard", "kserve-manager"),
        ("Argo CD", "argocd"), ("Gateway API", "contour"),
    ):  # fmt: skip
        built = program(name).version.removeprefix("v").rpartition(".")[0]
        assert built in walked[part].split(" "), f"{part} that is walked has version {built}"
