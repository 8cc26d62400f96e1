"""What wheels bring beside Python, on the wheels that are installed here and on made-up ones."""

import json
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.train.environment.bundled import MAX_BILL, MAX_PARTS, bundled_in


def _installed(name: str) -> PathDistribution:
    found = distribution(name)
    assert isinstance(found, PathDistribution)
    return found


def _wheel(folder: Path, files: dict[str, bytes]) -> PathDistribution:
    """A wheel as an installer leaves it."""
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
    libraries = [each for each in bundled_in(numpy) if each.path]
    if not libraries:
        pytest.skip("NOT TRIED: this numpy brings no library of its own")

    assert any("openblas" in each.name for each in libraries)
    for each in libraries:
        content = Path(str(numpy.locate_file(each.path))).read_bytes()
        assert each.digest == Digest.of(content).text
        assert ".cpython-" not in each.path


def test_the_bill_inside_a_wheel_names_its_parts() -> None:
    parts = {each.name: each for each in bundled_in(_installed("common-expression-language"))}

    assert parts["aho-corasick"].purl.startswith("pkg:cargo/aho-corasick@")
    assert all("?" not in each.purl and "file:" not in each.purl for each in parts.values())


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
def test_a_library_has_the_name_that_its_makers_gave_it(
    file: str, name: str, version: str, tmp_path: Path
) -> None:
    [found] = bundled_in(_wheel(tmp_path, {file: b"", "a/_core.cpython-311-x86_64.so": b""}))

    assert (found.name, found.version, found.path) == (name, version, file)


def test_what_is_no_bill_is_named_itself(tmp_path: Path) -> None:
    sboms = "made-1.0.dist-info/sboms/"
    wheel = _wheel(
        tmp_path,
        {
            sboms + "a.json": b"[]",
            sboms + "b.json": b"{" + b" " * MAX_BILL,
            sboms + "c.json": b'{"spdxVersion": "SPDX-2.3"}',
            sboms + "d.json": b'{"components": [1, {"name": 2, "purl": 3}]}',
        },
    )

    assert [each.name for each in bundled_in(wheel)] == ["a.json", "b.json", ""]


def test_a_wheel_of_endless_parts_is_cut(tmp_path: Path) -> None:
    components = [{"name": str(number)} for number in range(MAX_PARTS + 2)]
    bill = json.dumps({"components": components}).encode()

    found = bundled_in(_wheel(tmp_path, {"made-1.0.dist-info/sboms/a.json": bill}))

    assert len(found) == MAX_PARTS + 1
    assert found[-1].name == "2 more parts"
