"""Credentials: docker's files and helpers, and the challenges of registries."""

import json
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.oci.stores.auth import Challenge, Credentials, Keychain, parse_challenges
from goldenpath.settings import helper_environment


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        ('Basic realm="x"', (Challenge("basic", {"realm": "x"}),)),
        (
            'Bearer realm="https://a.b/token",service="r",scope="repository:a:pull,push"',
            (
                Challenge(
                    "bearer",
                    {
                        "realm": "https://a.b/token",
                        "service": "r",
                        "scope": "repository:a:pull,push",
                    },
                ),
            ),
        ),
        (
            'Negotiate, Basic realm="x"',
            (Challenge("negotiate", {}), Challenge("basic", {"realm": "x"})),
        ),
    ],
)
def test_challenges_are_read(header: str, expected: tuple[Challenge, ...]) -> None:
    assert parse_challenges(header) == expected


def _file(folder: Path, value: object) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps(value))
    return file


def _helper(folder: Path, name: str, script: str) -> dict[str, str]:
    """Make a helper, and return an environment with it on PATH."""
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": "bWU6c2U6Y3JldA=="}, Credentials("me", "se:cret")),
        ({"username": "me", "password": "secret"}, Credentials("me", "secret")),
        ({"auth": "", "identitytoken": "long"}, Credentials("", "", "long")),
        ({}, None),
    ],
)
def test_an_entry_of_docker_is_understood(
    tmp_path: Path, entry: dict[str, str], expected: Credentials | None
) -> None:
    keychain = Keychain([tmp_path / "absent", _file(tmp_path, {"auths": {"a.b:5000": entry}})])

    assert keychain.find("a.b:5000") == expected
    assert keychain.find("a.b") is None


def test_a_helper_is_asked_for_its_host(tmp_path: Path) -> None:
    path = _helper(
        tmp_path, "vault", 'read host; echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"$host\\"}"'
    )
    file = _file(tmp_path, {"credHelpers": {"a.b": "vault"}})

    assert Keychain([file], path).find("a.b") == Credentials("u", "a.b")


def test_without_an_entry_in_the_helper_the_file_is_read(tmp_path: Path) -> None:
    path = _helper(tmp_path, "none", "echo credentials not found in native keychain; exit 1")
    auths = {"a.b": {"username": "u", "password": "p"}}
    file = _file(tmp_path, {"credsStore": "none", "auths": auths})

    assert Keychain([file], path).find("a.b") == Credentials("u", "p")


def test_a_failed_helper_is_reported(tmp_path: Path) -> None:
    path = _helper(tmp_path, "broken", "echo locked >&2; exit 1")

    with pytest.raises(Unavailable, match="locked"):
        Keychain([_file(tmp_path, {"credsStore": "broken"})], path).find("a.b")
    with pytest.raises(Unavailable, match="no answer"):
        Keychain([_file(tmp_path, {"credsStore": "absent"})], path).find("a.b")


def test_a_malformed_file_is_refused(tmp_path: Path) -> None:
    for auth in ("???", "bm9jb2xvbg=="):
        with pytest.raises(InvalidInput):
            Keychain([_file(tmp_path, {"auths": {"a.b": {"auth": auth}}})]).find("a.b")
    with pytest.raises(InvalidInput):
        Keychain([_file(tmp_path, {"credsStore": "../../bin/sh"})]).find("a.b")


def test_the_repr_of_credentials_shows_no_secret() -> None:
    assert "secret" not in repr(Credentials("me", "secret", "secret"))


def test_the_entry_with_the_longest_path_is_taken(tmp_path: Path) -> None:
    auths = {
        "a.b": {"username": "host", "password": "p"},
        "a.b/team": {"username": "team", "password": "p"},
        "https://a.b/team/model": {"username": "model", "password": "p"},
    }
    keychain = Keychain([_file(tmp_path, {"auths": auths})])

    found = {
        repository: getattr(keychain.find("a.b", repository), "user", None)
        for repository in ("team/model", "team/other", "teams/model", "other", "")
    }
    assert found == {
        "team/model": "model", "team/other": "team", "teams/model": "host", "other": "host",
        "": "host",
    }  # fmt: skip


def test_the_helper_of_a_path_is_asked_for_that_path(tmp_path: Path) -> None:
    path = _helper(
        tmp_path, "vault", 'read key; echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"$key\\"}"'
    )
    keychain = Keychain([_file(tmp_path, {"credHelpers": {"a.b/team": "vault"}})], path)

    assert keychain.find("a.b", "team/model") == Credentials("u", "a.b/team")
    assert keychain.find("a.b", "other") is None


@pytest.mark.parametrize("key", ["docker.io", "index.docker.io", "https://index.docker.io/v1/"])
@pytest.mark.parametrize("host", ["docker.io", "registry-1.docker.io"])
def test_docker_io_has_several_names(tmp_path: Path, key: str, host: str) -> None:
    auths = {key: {"username": "u", "password": "p"}}

    assert Keychain([_file(tmp_path, {"auths": auths})]).find(host, "team/model") == Credentials(
        "u", "p"
    )


def test_a_helper_gets_the_environment_of_the_user_without_our_secrets(tmp_path: Path) -> None:
    path = _helper(
        tmp_path,
        "cloud",
        '[ "$AWS_PROFILE$HOME$GOLDENPATH_SIGNING_KEY" = ml/users/me ] || exit 1; '
        'echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"p\\"}"',
    )
    user = {**path, "AWS_PROFILE": "ml", "HOME": "/users/me", "GOLDENPATH_SIGNING_KEY": "secret"}
    file = _file(tmp_path, {"credHelpers": {"a.b": "cloud"}})

    assert Keychain([file], helper_environment(user)).find("a.b") == Credentials("u", "p")
