"""The console over a home that gave one answer: its pages, and that they say what verbs say."""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from goldenpath.console.audit_questions import QUESTIONS
from goldenpath.console.panels import PANELS
from tests.audit.proofs.proven_home import ProvenHome, serve_a_home
from tests.console.browser import Browser, console


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> ProvenHome:
    made = serve_a_home(tmp_path_factory.mktemp("console"))
    made.anchor()
    return made


@pytest.fixture(scope="module")
def browser(home: ProvenHome) -> Iterator[Browser]:
    with console(home.served.home.root) as running:
        yield running


def values(home: ProvenHome) -> dict[str, str]:
    digest = home.served.made.image.digest.text
    return {
        "model": "credit", "stage": "prod", "release": digest, "before": digest, "after": digest,
        "time": "2026-11-22T13:30:00Z", "other": "2026-11-22T14:30:00Z",
        "prediction": home.served.prediction_id, "part": "joblib==1.5.2",
    }  # fmt: skip


def address(name: str, known: dict[str, str]) -> str:
    """The panel with just the values that it asks about."""
    needed: dict[str, str] = {}
    while True:
        try:
            PANELS[name].asks(needed)
        except KeyError as error:
            needed[error.args[0]] = known[error.args[0]]
        else:
            break
    if name in ("status", "history"):
        needed = {each: known[each] for each in ("model", "stage")}
    return f"/panels/{name}?" + "&".join(f"{key}={quote(value)}" for key, value in needed.items())


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_shows_the_answer_of_its_verb_and_gives_it_as_json(
    browser: Browser, home: ProvenHome, name: str
) -> None:
    where = address(name, values(home))
    page = browser.get(where, accept="text/html")
    part = browser.get(where, hx_request="true")
    record = browser.get(f"{where}&format=json")

    assert (page.code, part.code, record.code) == (200, 200, 200), (page.text, record.text)
    assert page.text.startswith("<!doctype html>")
    assert "<html" not in part.text
    assert part.text in page.text or "<h2>" in part.text
    assert "goldenpath " in part.text, "the panel names its command"
    assert record.record is not None or 'role="alert"' in part.text
    assert record.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["waivers", "inspect", "at", "verify"])
def test_json_at_the_address_is_what_the_command_prints(
    browser: Browser, home: ProvenHome, name: str
) -> None:
    known = values(home)
    words = next(iter(PANELS[name].asks(known).values()))
    shown = browser.get(f"{address(name, known)}&time={known['time']}&format=json").record
    printed = json.loads(browser.verb(*words, "--output", "json"))

    for record in (shown, printed):
        if isinstance(record, dict):
            record.pop("moment", None)  # the moment of asking
    assert shown == printed


def test_every_page_is_there_and_links_lead_to_pages(browser: Browser, home: ProvenHome) -> None:
    known = values(home)
    pages = [
        "/", "/models/credit", "/deployments/prod/credit", f"/releases/{known['release']}",
        f"/parts/{known['release']}", "/?find=cred&in=prod&state=live&page=2",
        "/registers/events?find=credit", "/time",
        f"/time?time={known['time']}&other={known['other']}", "/evidence",
        f"/predictions/{known['prediction']}", f"/difference?before={known['before']}&after="
        f"{known['after']}", "/affected?part=joblib", *{q.address for q in QUESTIONS},
    ]  # fmt: skip
    for page in pages:
        found = browser.get(page if page.startswith("/") else f"/evidence{page}")
        assert found.code == 200, page
        if page.startswith("#"):
            assert f'id="{page[1:]}"' in found.text


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nowhere", 404),
        ("/panels/nowhere", 404),
        ("/registers/nowhere", 404),
        ("/models/--help", 400),
        ("/models/Credit", 400),
        ("/releases/sha256:12", 400),
        ("/releases/latest", 400),
        ("/predictions/--open", 400),
        ("/panels/trace?prediction=--open", 400),
        ("/panels/at?time=--stage", 400),
        ("/panels/why?model=credit", 400),
        ("/panels/findings?reason=x", 400),
        ("/affected?part=--output", 400),
        ("/find?prediction=a%0Ab", 400),
        ("/static/../console_app.py", 404),
        ("/static/%2e%2e/console_app.py", 404),
        ("/vendor/%2e%2e/%2e%2e/console_app.py", 404),
    ],
)
def test_an_address_without_an_answer_says_so(browser: Browser, path: str, code: int) -> None:
    found = browser.get(path)
    as_json = browser.get(path, accept="application/json")

    assert found.code == code
    assert "Traceback" not in found.text
    if not path.startswith(("/static", "/vendor")):
        assert 'role="alert"' in found.text
        assert as_json.record["error"]


def test_a_release_that_nobody_knows_is_an_answer_with_a_reason(browser: Browser) -> None:
    found = browser.get(f"/panels/verify?release=sha256:{'0' * 64}", hx_request="true")

    assert found.code == 200
    assert 'role="alert"' in found.text
    assert "holds" not in found.text


def test_the_documentation_is_shown_as_written_and_runs_no_script(
    browser: Browser, home: ProvenHome
) -> None:
    found = browser.get(f"/releases/{values(home)['release']}/report.html")

    assert found.code == 200
    assert "<h1" in found.text
    assert "sandbox" in found.headers["content-security-policy"]
    assert "script-src" not in found.headers["content-security-policy"]
    assert browser.get(f"/releases/sha256:{'0' * 64}/report.html").code == 404


def test_the_proof_of_a_prediction_is_a_file(browser: Browser, home: ProvenHome) -> None:
    found = browser.get(f"/predictions/{values(home)['prediction']}/proof.tgz", method="HEAD")

    assert found.code == 200
    assert found.headers["content-type"] == "application/gzip"
    assert int(found.headers["content-length"]) > 1000
    assert browser.get("/predictions/0000/proof.tgz").code == 404


def test_a_form_leads_to_the_page_of_what_was_entered(browser: Browser, home: ProvenHome) -> None:
    known = values(home)
    found = browser.get(f"/find?prediction={known['prediction']}")

    assert (found.code, found.headers["location"]) == (303, f"/predictions/{known['prediction']}")
    assert browser.get("/find").code == 400


def test_the_stream_tells_of_a_new_event(browser: Browser, home: ProvenHome) -> None:
    connection = http.client.HTTPConnection(browser.address, timeout=30)
    connection.request("GET", "/changes")
    stream = connection.getresponse()
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.readline() == b"retry: 3000\n"
    (home.served.home.findings / "closed").mkdir(parents=True, exist_ok=True)
    lines = []
    while b"event: changed\n" not in lines:
        lines.append(stream.readline())
        assert len(lines) < 200
    connection.close()


def test_the_console_changes_nothing(browser: Browser, home: ProvenHome) -> None:
    """Whatever has been asked: evidence, logs, keys and references are as they were."""
    at = home.served.home
    folders = (at.events, at.findings, at.predictions, at.registry, at.keys, at.gitops / "refs")

    def state() -> dict[str, bytes]:
        files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
        return {str(file): file.read_bytes() for file in files}

    before = state()
    for name in PANELS:
        browser.get(address(name, values(home)))
    assert state() == before
