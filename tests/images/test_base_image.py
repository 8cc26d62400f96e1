"""Base images: packages by pin, layers by digest, and whatever does not fit refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.images.base_image import BaseImage, base_of_packages, with_tools
from goldenpath.images.debian.base_tree import AUTHORITIES, base_tree
from goldenpath.images.debian.debian_package import read_package
from goldenpath.images.debian.debian_pins import (
    PACKAGED,
    BasePins,
    DebianPin,
    read_pins,
    render_pins,
)
from goldenpath.images.layer_cache import LayerCache
from goldenpath.images.unpacked_image import unpack_layers
from tests.images.packages import AUTHORITY, PYTHON, base, deb, pin_of


def cached(folder: Path) -> LayerCache:
    """A cache that has the packages of the small base already."""
    cache = LayerCache(folder)
    cache.packages.mkdir(parents=True)
    for digest, content in base()[1].items():
        (cache.packages / f"{digest}.deb").write_bytes(content)
    return cache


def built(folder: Path) -> BaseImage:
    """The small base, built anew."""
    return base_of_packages(base()[0], cached(folder))


def test_the_same_pins_give_the_same_base_in_every_folder(tmp_path: Path) -> None:
    one, other = built(tmp_path / "one"), built(tmp_path / "another folder")

    assert one == other
    assert one.components[0]["purl"] == (
        "pkg:deb/debian/python3.11-minimal@1.0-1?arch=amd64&distro=debian-12"
    )


def test_a_base_has_the_merged_usr_one_user_and_no_right_to_become_another() -> None:
    packages = {
        name: read_package(content, name)
        for name, content in {
            "python3.11-minimal": deb("python3.11-minimal", PYTHON),
            "ca-certificates": deb("ca-certificates", AUTHORITY),
            "dash": deb("dash", {"bin/sh": b"#!"}),
        }.items()
    }

    tree = base_tree(packages)

    assert tree["lib64"].target == "usr/lib64"
    assert "usr/lib64/ld-linux-x86-64.so.2" in tree
    assert tree["usr/bin/python3.11"].mode == 0o755, "no bit that changes the user"
    assert tree[AUTHORITIES].content == AUTHORITY["usr/share/ca-certificates/mozilla/A.crt"]
    assert "usr/share/doc/python3.11/copyright" in tree, "licences stay"
    assert "usr/share/man/man1/python.1" not in tree
    assert "usr/bin/sh" not in tree
    assert b"nonroot:x:65532:65532" in tree["etc/passwd"].content  # type: ignore[operator]
    assert tree["var/lib/dpkg/status.d/dash"].content.startswith(b"Package: dash\n")  # type: ignore[union-attr]


def tools() -> tuple[BasePins, dict[str, bytes]]:
    """The small base with git beside it: two programs of many, and a library."""
    files = {
        "usr/bin/git": b"git", "usr/bin/git-cvsserver": b"x", "bin/dash": b"#!", "usr/bin/ssh": b"",
        "usr/lib/x86_64-linux-gnu/libcurl.so.4": b"elf", "usr/lib/git-core/git-daemon": b"x",
        "etc/ssh/ssh_config": b"Host *\n", "usr/share/doc/git/copyright": b"GPL",
    }  # fmt: skip
    package = deb("git", files)
    pins, packages = base()
    pin = pin_of("git", package)
    return replace(pins, tool=(pin,)), {**packages, pin.sha256: package}


def test_jobs_get_git_ssh_and_a_shell_over_the_base_that_servers_have(tmp_path: Path) -> None:
    pins, packages = tools()
    cache = cached(tmp_path)
    for digest, content in packages.items():
        (cache.packages / f"{digest}.deb").write_bytes(content)
    plain = base_of_packages(pins, cache)

    made = with_tools(plain, pins, cache)

    assert plain == built(tmp_path / "other"), "pins of tools do not change what servers get"
    assert made.layers[:-1] == plain.layers and made.digest != plain.digest
    assert "pkg:deb/debian/git@1.0-1" in str(made.components[-1]["purl"])
    root = tmp_path / "root"
    root.mkdir()
    unpack_layers(cache.store, [made.layers[-1].blob], root)
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}
    assert found == {
        "usr/bin/git", "usr/bin/dash", "usr/bin/sh", "usr/bin/ssh", "etc/ssh/ssh_config",
        "usr/lib/x86_64-linux-gnu/libcurl.so.4", "usr/share/doc/git/copyright",
        "var/lib/dpkg/status.d/git",
    }  # fmt: skip
    assert "StrictHostKeyChecking yes" in (root / "etc/ssh/ssh_config").read_text()
    with pytest.raises(InvalidInput, match="has no tools"):
        with_tools(plain, base()[0], cache)


def test_a_package_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    pins, _ = base()
    cache = cached(tmp_path)
    (python, *rest) = pins.package
    renamed = BasePins(1, "debian-12", (DebianPin("libc6", "1.0-1", "amd64", python.sha256), *rest))

    with pytest.raises(VerificationError, match="is for another package"):
        base_of_packages(renamed, cache)


def test_packages_that_contradict_each_other_are_refused() -> None:
    packages = {
        name: read_package(deb(name, {"usr/lib/x": name.encode()}), name) for name in ("a", "b")
    }

    with pytest.raises(VerificationError, match="different files usr/lib/x"):
        base_tree(packages)


@pytest.mark.parametrize("cheat", ["no ar", "cut", "way out", "device", "no control"])
def test_a_file_that_is_no_sound_package_is_refused(cheat: str) -> None:
    content = deb("a", {"usr/lib/x": b"x" * 2000})
    if cheat == "no ar":
        content = content[1:]
    elif cheat == "cut":
        content = content[:-600]
    elif cheat == "way out":
        content = deb("a", {"usr/../../x": b""})
    elif cheat == "device":
        content = content.replace(b"data.tar.xz", b"data.tar.zz")
    else:
        content = content.replace(b"control.tar.xz", b"control.tar.zz")

    with pytest.raises(VerificationError):
        read_package(content, "a.deb")


def test_pins_read_back_and_a_faulty_file_of_pins_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pins.toml"
    tool = pin_of("git", b"y", "1:2.39.5-0+deb12u3")
    pins = BasePins(1, "debian-12", (pin_of("zlib1g", b"x", "1:1.2.13.dfsg-1"),), (tool,))
    file.write_bytes(render_pins(pins))
    assert read_pins(file) == pins

    for before, after in (
        ("version = 1", "version = 2"), ("zlib1g", "-o"), ('"1:1', '"~1:1'), ('"git"', '"-o"'),
    ):  # fmt: skip
        file.write_text(render_pins(pins).decode().replace(before, after, 1))
        with pytest.raises(InvalidInput):
            read_pins(file)
    with pytest.raises(NotFound):
        read_pins(tmp_path / "absent.toml")


def test_the_pins_of_goldenpath_name_few_packages_and_no_mirror() -> None:
    pins = read_pins(PACKAGED)
    names = {pin.name for pin in pins.package}

    assert {"libc6", "python3.11-minimal", "ca-certificates"} <= names
    assert not {"dash", "bash", "apt", "dpkg", "coreutils", "perl-base"} & names
    assert {"git", "openssh-client", "dash"} <= {pin.name for pin in pins.tool}
    assert not names & {pin.name for pin in pins.tool}
    assert b"://" not in PACKAGED.read_bytes()
    assert all(len(Digest("sha256:" + pin.sha256).hex) == 64 for pin in (*pins.package, *pins.tool))
