"""Which store a URI opens, and what a reference on the command line means."""

from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.compose.stores import (
    local_store,
    locate,
    open_store,
    place,
    store_of,
    store_uri,
    throwaway_store,
)
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.oci.copy import copy
from goldenpath.oci.stores.layout import LayoutStore
from tests.deploy.platform import OneMachine
from tests.oci.stores.fake_registry import fake_registry
from tests.release.attest.releases import push_image

UNKNOWN = "sha256:" + "0" * 64


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home, which this process has."""
    monkeypatch.setenv("GOLDENPATH_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.mark.parametrize(
    "uri",
    ["", "layout:", "layout", "s3://bucket/models", "oci:host/models", "http://host/models"],
)
def test_a_store_of_an_unknown_scheme_is_refused_by_its_name(uri: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_store(uri)

    assert repr(uri) in caught.value.message
    assert "layout:PATH" in caught.value.message


@pytest.mark.parametrize("uri", ["oci://", "oci://host", "oci+https://host/UPPER"])
def test_an_address_that_names_no_repository_is_refused(home: Home, uri: str) -> None:
    with pytest.raises(InvalidInput):
        open_store(uri)


@pytest.mark.parametrize(
    ("reference", "folder", "name"),
    [
        ("layout:{0}/models@v1", "models", "v1"),
        ("layout:{0}/models@sha256:" + "a" * 64, "models", "sha256:" + "a" * 64),
        ("layout:{0}/models", "models", ""),
        ("layout:{0}/at@home/models", "at@home/models", ""),
        ("layout:{0}/at@home/models@v1", "at@home/models", "v1"),
    ],
)
def test_the_name_in_a_layout_is_behind_the_last_at_that_is_no_part_of_a_folder(
    tmp_path: Path, home: Home, reference: str, folder: str, name: str
) -> None:
    image = push_image(LayoutStore(tmp_path / folder))

    store, found = locate(reference.format(tmp_path), home)

    assert found == name
    assert store.resolve(image.digest.text).digest == image.digest


@pytest.mark.parametrize("name", ["v1", "4f4817675d98", UNKNOWN])
def test_a_bare_name_is_looked_for_in_the_registry_of_the_home(home: Home, name: str) -> None:
    image = push_image(LayoutStore(home.registry))

    store, found = locate(name, home)

    assert found == name
    assert store.resolve(image.digest.text).digest == image.digest


def test_a_registry_is_opened_by_its_address_and_holds_what_was_pushed(home: Home) -> None:
    with fake_registry() as registry:
        store = open_store(f"oci+http://{registry.address}/models/credit")
        image = push_image(store)
        store.tag("v1", image)

        again, name = locate(f"oci://{registry.address}/models/credit:v1", home)

        assert (again.resolve(name).digest, name) == (image.digest, "v1")
        assert locate(f"oci://{registry.address}/models/credit", home)[1] == ""
        with pytest.raises(NotFound):
            again.resolve("v2")


def test_a_throwaway_store_is_empty_each_time() -> None:
    image = push_image(throwaway_store())

    with pytest.raises(NotFound):
        throwaway_store().resolve(image.digest.text)


@pytest.mark.parametrize(
    ("reference", "folder", "repository", "plain"),
    [
        ("layout:/srv/models@v1", "/srv/models", "", False),
        ("v1", "{home}/registry", "", False),
        ("oci://registry.example/models/credit:v1", "", "registry.example/models/credit", False),
        ("oci+https://127.0.0.1:5000/credit", "", "127.0.0.1:5000/credit", False),
        ("oci+http://registry.example/credit", "", "registry.example/credit", True),
        ("oci://127.0.0.1:5000/credit@" + UNKNOWN, "", "127.0.0.1:5000/credit", True),
        ("oci://localhost:5000/credit", "", "localhost:5000/credit", True),
        ("oci://localhost.example:5000/credit", "", "localhost.example:5000/credit", False),
    ],
)
def test_other_tools_are_told_the_same_place_and_plain_http_only_where_it_is_meant(
    home: Home, reference: str, folder: str, repository: str, plain: bool
) -> None:
    found = place(reference, home)

    assert (found.folder or "", found.repository or "") == (
        folder.format(home=home.root), repository,
    )  # fmt: skip
    assert found.plain_http is plain


def test_a_relative_layout_of_a_platform_lies_in_the_home(platform: OneMachine) -> None:
    trusted, home = platform.trusted().platform, platform.home
    elsewhere = replace(trusted, registry_store="layout:/srv/models")
    remote = replace(trusted, registry_store="oci://registry.example/models")

    assert store_uri(home, trusted) == f"layout:{home.registry}"
    assert store_uri(home, elsewhere) == "layout:/srv/models"
    assert store_uri(home, remote) == "oci://registry.example/models"
    assert local_store(home, trusted) == home.registry
    assert local_store(home, elsewhere) == Path("/srv/models")
    assert local_store(home, remote) == home.registry


def test_what_was_pulled_is_read_without_the_registry(
    platform: OneMachine, home: Home, tmp_path: Path
) -> None:
    with fake_registry() as registry:
        uri = f"oci+http://{registry.address}/models/credit"
        image = push_image(open_store(uri))
        copy(open_store(uri), LayoutStore(home.registry), image)
    remote = replace(platform.trusted().platform, registry_store=uri)

    store = store_of(home, remote)

    assert b"".join(store.fetch(image))


@pytest.mark.parametrize("scheme", ["oci", "oci+native", "goldenpath+oci"])
def test_the_address_of_a_manifest_of_a_cluster_names_the_same_release(
    home: Home, scheme: str
) -> None:
    with fake_registry() as registry:
        address = f"{registry.address}/models/credit"
        image = push_image(open_store(f"oci+http://{address}"))

        store, name = locate(f"{scheme}://{address}@{image.digest}", home)

        assert name == image.digest.text
        assert store.resolve(name).digest == image.digest
