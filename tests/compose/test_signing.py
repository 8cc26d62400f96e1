"""Which key signs: a file, the environment, a command, or the key of the home."""

from pathlib import Path

import pytest

from goldenpath.compose.signing import docker_reference, public_key, signer
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.attest.keys import PemSigner
from tests.deploy.platform import OneMachine
from tests.release.attest.releases import push_image


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a key of its own."""
    found = Home(tmp_path / "home")
    public_key("release", found.build_key, make=True)
    return found


def pair(folder: Path, name: str) -> tuple[Path, bytes]:
    """A new key: its private file and its public part."""
    made = public_key(name, folder / name, make=True)
    return (folder / name).with_suffix(".pem"), made.public_key


def test_the_nearest_named_key_signs(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = PemSigner.load(home.build_key).public_key()
    (flag, of_flag), (named, of_named) = pair(tmp_path, "flag"), pair(tmp_path, "named")

    assert signer(home).public_key() == own
    monkeypatch.setenv("GOLDENPATH_SIGNING_KEY", str(named))
    assert signer(home).public_key() == of_named
    monkeypatch.setenv("GOLDENPATH_SIGNING_KEY", named.read_text())
    assert signer(home).public_key() == of_named
    monkeypatch.setenv("GOLDENPATH_SIGNING_COMMAND", "false")
    assert signer(home, flag).public_key() == of_flag


def test_a_key_that_is_named_and_absent_is_never_replaced_by_another(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPATH_SIGNING_KEY", str(tmp_path / "absent.pem"))

    with pytest.raises(NotFound, match=r"absent\.pem"):
        signer(home)


@pytest.mark.parametrize("text", ["-----BEGIN nothing", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_key_in_the_environment_that_is_none_is_refused_without_repeating_it(
    home: Home, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("GOLDENPATH_SIGNING_KEY", text)

    with pytest.raises(InvalidInput) as caught:
        signer(home)

    assert "GOLDENPATH_SIGNING_KEY" in caught.value.message
    assert "AAAA" not in caught.value.message


@pytest.mark.parametrize(
    ("command", "said"),
    [("", "needs a command"), ("sign 'with", "cannot be split"), ("sign", "needs a command")],
)
def test_a_signing_command_without_words_or_public_key_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    monkeypatch.setenv("GOLDENPATH_SIGNING_COMMAND", command)

    with pytest.raises(InvalidInput, match=said):
        signer(home)


def test_a_signing_command_signs_for_the_public_key_beside_it(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = pair(tmp_path, "kms")
    monkeypatch.setenv("GOLDENPATH_SIGNING_COMMAND", "touch never")
    monkeypatch.setenv("GOLDENPATH_SIGNING_KEY", str(private.with_suffix(".pub")))

    assert signer(home).public_key() == public
    assert not (tmp_path / "never").exists()


def test_a_new_pair_is_private_and_a_public_key_that_is_absent_is_named(tmp_path: Path) -> None:
    private, public = pair(tmp_path, "new")

    assert private.stat().st_mode & 0o077 == 0
    assert public_key("again", private.with_suffix(".pub")).public_key == public
    with pytest.raises(NotFound, match=r"absent\.pub does not exist"):
        public_key("absent", tmp_path / "absent.pub")


def test_a_file_that_is_no_key_is_refused_however_long_it_is(tmp_path: Path) -> None:
    (tmp_path / "long.pub").write_bytes(b"A" * (1 << 20))

    with pytest.raises(InvalidInput):
        public_key("long", tmp_path / "long.pub")


def test_a_signature_says_where_the_release_is_and_nothing_where_nobody_says_so(
    platform: OneMachine, tmp_path: Path
) -> None:
    store = LayoutStore(tmp_path / "layout")
    image, nowhere = push_image(store), Home(tmp_path / "nowhere")

    assert (
        docker_reference("oci://host.example/a/b:v1", store, image, nowhere) == "host.example/a/b"
    )
    assert docker_reference("layout:x", store, image, nowhere) == ""
    found = docker_reference("layout:x", store, image, platform.home)
    assert found == "registry.example/models/release"
