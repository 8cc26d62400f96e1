"""The inventory compared with a real MLflow server: differences from git are marked."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.release.catalogue.catalogue_process import Catalogue
from goldenpath.release.catalogue.mlflow_server import PAGE, ask_registered
from goldenpath.settings import Tracking
from tests.deploy.platform import OneMachine, goldenpath
from tests.release.catalogue.server import mlflow_server
from tests.release.catalogue.test_catalogue import release
from tests.sizes import full_size


@full_size("test_every_page_is_read_and_the_password_is_sent")
def test_a_difference_of_a_server_is_marked_and_corrected(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    first, second = here.release(), here.release(0.5)
    here.deploy((first, 100))
    (tmp_path / "server").mkdir()
    with mlflow_server(tmp_path / "server") as address:

        def cells() -> list[tuple[str, bool, str]]:
            """All releases are in the registry and signed, whatever the catalogue has."""
            _, answer = goldenpath(here.home, "inventory", MLFLOW_TRACKING_URI=address)
            assert isinstance(answer, dict), answer
            assert all(each["registry"] and each["signed"] for each in answer["cells"])
            return [(each["deployment"], each["catalogue"], each["message"])
                    for each in answer["cells"]]  # fmt: skip

        with Catalogue(address, tmp_path / "files") as opened:
            opened.register(replace(release(second), model="credit"))
            ((_, is_equal, said),) = cells()
            assert not is_equal and "no version of it" in said
            opened.register(replace(release(first), model="credit"))
            assert "alias dev is not set" in cells()[0][2]
            opened.set_alias("credit", "dev", second.text)
            opened.set_alias("credit", "prod", second.text)
        moved, left = cells()
        assert f"alias dev is at {second.short}" in moved[2]
        assert left[0] == "prod/credit" and "git declares nothing of credit there" in left[2]

        code, followed = goldenpath(here.home, "catalogue", MLFLOW_TRACKING_URI=address)
        assert code == 0, followed
        assert cells() == [("dev/credit", True, "git declares it, but it does not run")]
    code, answer = goldenpath(here.home, "inventory", MLFLOW_TRACKING_URI=address)
    assert code == 7 and isinstance(answer, dict)
    assert "gives no answer" in answer["faults"][0]


class _Pages(BaseHTTPRequestHandler):
    """A server that answers as MLflow does, in pages, and only to a client with a password."""

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Basic bWU6aXQ=":  # me:it
            self.send_error(401)
            return
        self.send_response(200)
        self.end_headers()
        what = "model_versions" if "model-versions" in self.path else "registered_models"
        self.wfile.write(_page(what, "page_token" in self.path))

    def log_message(self, *_: object) -> None:
        """Print no log."""


def _page(what: str, is_second: bool) -> bytes:
    number = "2" if is_second else "1"
    digest = Digest.of(number.encode()).text
    tags = f'[{{"key": "oci.digest", "value": "{digest}"}}]'
    more = "" if is_second else ', "next_page_token": "more"'
    aliases = '[{"alias": "prod", "version": "2"}]' if is_second else "[]"
    entry = f'{{"name": "credit", "version": "{number}", "tags": {tags}, "aliases": {aliases}}}'
    return f'{{"{what}": [{entry}]{more}}}'.encode()


@pytest.fixture
def pages() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_page_is_read_and_the_password_is_sent(pages: str) -> None:
    found = ask_registered(Tracking(pages, "me", "it")).models["credit"]

    assert found.releases == {Digest.of(b"1").text, Digest.of(b"2").text}
    assert found.aliases == {"prod": Digest.of(b"2").text}
    assert PAGE < 1000  # what MLflow gives at most of models
    with pytest.raises(InvalidInput, match="refuses the token"):
        ask_registered(Tracking(pages))


def test_a_server_that_does_not_answer_is_reported() -> None:
    with pytest.raises(Unavailable, match="gives no answer"):
        ask_registered(Tracking("http://127.0.0.1:9"))
