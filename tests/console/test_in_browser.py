"""The console in a real browser: its panels arrive under the policy, and nothing is reported."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.proofs.proven_home import ProvenHome, serve_a_home
from tests.console.browser import Browser, console
from tests.console.devtools import Tab, chromium_tab
from tests.programs import program
from tests.sizes import full_size

PAGES = ("/", "/models/credit", "/deployments/prod/credit", "/time", "/evidence")
ARRIVED = (
    "[...document.querySelectorAll('section[hx-trigger^=load]')]"
    ".every(each => each.querySelector('.origin'))"
)
pytestmark = full_size("test_every_page_is_there_and_links_lead_to_pages")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> ProvenHome:
    return serve_a_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def running(home: ProvenHome) -> Iterator[Browser]:
    with console(home.served.home.root) as browser:
        yield browser


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    with chromium_tab(program("chromium"), tmp_path / "profile") as made:
        yield made


def test_panels_arrive_and_the_browser_reports_nothing(running: Browser, tab: Tab) -> None:
    for page in PAGES:
        tab.open(f"http://{running.address}{page}")
        tab.wait_for(f"document.readyState === 'complete' && {ARRIVED}")
        assert tab.reported == []
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_each_page_is_sound_at_three_widths_in_light_and_dark(
    running: Browser, home: ProvenHome, tab: Tab
) -> None:
    release = home.served.made.image.digest.text
    axe = program("axe.min.js")
    for page in (*PAGES, f"/releases/{release}", f"/parts/{release}", "/registers/events"):
        for width, dark in ((1440, False), (768, True), (390, False)):
            tab.show_as(width, dark=dark)
            tab.open(f"http://{running.address}{page}")
            tab.wait_for(f"document.readyState === 'complete' && {ARRIVED}")
            assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page
            assert tab.faults(axe) == [], (page, width)


def test_a_page_that_is_open_shows_what_changes(
    running: Browser, home: ProvenHome, tab: Tab
) -> None:
    tab.open(f"http://{running.address}/")
    tab.wait_for(f"document.readyState === 'complete' && {ARRIVED}")
    tab.evaluate("document.querySelector('[data-panel=road] .origin').id = 'before'")
    folder = home.served.home.findings / "closed"
    (folder if not folder.exists() else folder / "more").mkdir(parents=True)
    tab.wait_for("document.getElementById('before') === null")
    tab.wait_for("document.querySelector('[data-panel=road] .origin') !== null")
    assert tab.reported == []


def test_an_empty_home_has_pages_that_say_so(tab: Tab, tmp_path: Path) -> None:
    with console(tmp_path / "empty") as browser:
        for page in PAGES:
            tab.open(f"http://{browser.address}{page}")
            tab.wait_for(f"document.readyState === 'complete' && {ARRIVED}")
            assert tab.reported == []
        assert tab.evaluate("document.querySelector('main').textContent.length > 20")


def test_a_tampered_release_does_not_hold(tab: Tab, tmp_path: Path) -> None:
    broken = serve_a_home(tmp_path / "broken")
    blobs = broken.served.home.registry / "blobs" / "sha256"
    release = broken.served.made.image.digest
    blob = max(blobs.iterdir(), key=lambda each: (each.name != release.hex, each.stat().st_size))
    content = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with console(broken.served.home.root) as browser:
        tab.open(f"http://{browser.address}/releases/{release.text}")
        tab.wait_for(f"document.readyState === 'complete' && {ARRIVED}")
        tab.evaluate("document.querySelector('[data-panel=verify] button').click()")
        tab.wait_for("document.querySelector('[data-panel=verify] .origin') !== null")
        shown = tab.evaluate("document.querySelector('[data-panel=verify]').textContent")
        assert "The evidence holds" not in shown
        assert "digest" in shown


def test_verify_now_is_reached_and_pressed_by_the_keyboard(
    running: Browser, home: ProvenHome, tab: Tab
) -> None:
    tab.open(f"http://{running.address}/releases/{home.served.made.image.digest.text}")
    tab.wait_for(f"document.readyState === 'complete' && {ARRIVED}")
    for _ in range(40):
        tab.press("Tab", 9)
        if tab.evaluate("document.activeElement.matches('[data-panel=verify] button')"):
            break
    tab.press("Enter", 13)
    tab.wait_for("document.querySelector('[data-panel=verify] .verdict') !== null")
    assert tab.evaluate("document.querySelector('[data-panel=verify] .verdict').textContent")


def test_the_slider_names_a_moment_and_asks_for_it(running: Browser, tab: Tab) -> None:
    tab.open(f"http://{running.address}/time")
    tab.wait_for(f"document.readyState === 'complete' && {ARRIVED}")
    tab.evaluate("document.querySelector('input.moments').focus()")
    tab.press("Home", 36)
    tab.wait_for("document.querySelector('form input[name=time]').value !== 'now'")
    asked = tab.evaluate("document.querySelector('form input[name=time]').value")
    tab.wait_for(
        f"document.querySelector('[data-panel=at] .origin').textContent.includes({asked!r})"
    )
    assert tab.evaluate("document.querySelector('.moment').textContent") != ""
