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
