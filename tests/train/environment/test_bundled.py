"""Bundled parts of wheels: of wheels that are installed here, and of made-up ones."""

import json
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.train.environment.bundled import MAX_PARTS, MAX_SBOM, bundled_in


def _installed(name: str) -> PathDistribution:
    installed = distribution(name)
    assert isinstance(installed, PathDistribution)
    return installed


def _wheel(folder: Path, files: dict[str, bytes]) -> PathDistribution:
    """Write a wheel as an installer leaves it."""
    info = folder / "made-1.0.dist-info"
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    info.mkdir(exist_ok=True)
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    return PathDistribution(info)


def test_the_libraries_of_a_wheel_are_named_with_their_digest() -> None:
    numpy = _installed("numpy")
    libraries = [part for part in bundled_in(numpy) if part.path]
    if not libraries:
        pytest.skip("NOT TRIED: this numpy bundles no library")

    assert any("openblas" in part.name for part in libraries)
    for part in libraries:
        content = Path(str(numpy.locate_file(part.path))).read_bytes()
        assert part.digest == Digest.of(content).text
        assert ".cpython-" not in part.path


def test_the_sbom_inside_a_wheel_names_its_parts() -> None:
    parts = {part.name: part for part in bundled_in(_installed("common-expression-language"))}

    assert parts["aho-corasick"].purl.startswith("pkg:cargo/aho-corasick@")
    assert all("?" not in part.purl and "file:" not in part.purl for part in parts.values())


@pytest.mark.parametrize(
    ("file", "name", "version"),
    [
        ("numpy.libs/libgfortran-040039e1-0352e75f.so.5.0.0", "libgfortran", "5.0.0"),
        ("a/capi/libonnxruntime.so.1.32.0", "libonnxruntime", "1.32.0"),
        ("a/lib/libgomp-d22c30c5.so.1", "libgomp", "1"),
        ("a/.dylibs/libomp.dylib", "libomp", ""),
        ("a.libs/msvcp140-8a8b1c4f9b2d3e5f6a7b8c9d0e1f2a3b.dll", "msvcp140", ""),
    ],
)
def test_name_and_version_of_a_library_are_taken_from_its_file_name(
    file: str, name: str, version: str, tmp_path: Path
) -> None:
    [part] = bundled_in(_wheel(tmp_path, {file: b"", "a/_core.cpython-311-x86_64.so": b""}))

    assert (part.name, part.version, part.path) == (name, version, file)


def test_an_sbom_that_cannot_be_read_is_listed_as_a_part(tmp_path: Path) -> None:
    sboms = "made-1.0.dist-info/sboms/"
    wheel = _wheel(
        tmp_path,
        {
            sboms + "a.json": b"[]",
            sboms + "b.json": b"{" + b" " * MAX_SBOM,
            sboms + "c.json": b'{"spdxVersion": "SPDX-2.3"}',
            sboms + "d.json": b'{"components": [1, {"name": 2, "purl": 3}]}',
        },
    )

    assert [part.name for part in bundled_in(wheel)] == ["a.json", "b.json", ""]


def test_the_list_of_a_wheel_with_too_many_parts_is_truncated(tmp_path: Path) -> None:
    components = [{"name": str(number)} for number in range(MAX_PARTS + 2)]
    sbom = json.dumps({"components": components}).encode()

    parts = bundled_in(_wheel(tmp_path, {"made-1.0.dist-info/sboms/a.json": sbom}))

    assert len(parts) == MAX_PARTS + 1
    assert parts[-1].name == "2 more parts"
