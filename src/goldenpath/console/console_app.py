"""The console as a web application: routes, the answers behind them, and what guards them.

It changes nothing: the verbs that it asks read. A page asks a verb only when a browser asks for
the panel, in one of few threads, so a crowd of browsers waits instead of taking the machine.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar, TypeVarTuple

import anyio
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from goldenpath.console import pages
from goldenpath.console.answer_cache import AnswerCache
from goldenpath.console.pages import Page
from goldenpath.console.panels import PANELS, Values, checked
from goldenpath.console.request_guard import DOCUMENT_POLICY, Admission, Guard
from goldenpath.console.verb_answer import Ask, VerbAnswer
from goldenpath.console.views import Views
from goldenpath.errors import GoldenPathError, InvalidInput, NotFound
from goldenpath.parsers.record_json import record_json

MOST_WAITING = 16
"""Panels that wait for a verb at the same time."""
LOOK_SECONDS = 1.0
"""Seconds between two looks at whether something has changed."""
_HERE = Path(__file__).parent
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


@dataclass(frozen=True, slots=True)
class ConsoleSources:
    """What the console reads."""

    ask: Ask
    changes: Callable[[], str]
    """Returns a text that is another one once something has changed on this machine."""
    stages: Callable[[], tuple[str, ...]]
    """Returns the stages of the platform, in their order."""


def console_app(sources: ConsoleSources, admission: Admission) -> Guard:
    """Return the application."""
    return Guard(_Console(sources).routes(), admission)


class _Console:
    """The routes and what they share."""

    def __init__(self, sources: ConsoleSources) -> None:
        self._sources = sources
        self._views = Views()
        self._answered = AnswerCache(sources.ask, sources.changes)
        self._threads = CapacityLimiter(MOST_WAITING)

    def routes(self) -> Starlette:
        """Return the application without its guard."""
        page = self._page
        routes = [
            Route("/", page(pages.road)),
            Route("/models/{model}", self._model),
            Route("/deployments/{stage}/{model}", page(pages.deployment_page)),
            Route("/releases/{release}", page(pages.release_page)),
            Route("/releases/{release}/report.html", self._report),
            Route("/parts/{release}", page(pages.parts_page)),
            Route("/predictions/{prediction}/proof.tgz", self._proof),
            Route("/difference", page(pages.difference_page)),
            Route("/time", page(pages.time_page)),
            Route("/evidence", page(lambda _: pages.evidence_page())),
            Route("/predictions/{prediction}", page(pages.prediction_page)),
            Route("/find", self._find),
            Route("/affected", page(pages.affected_page)),
            Route("/registers/{name}", self._register),
            Route("/panels/{name}", self._panel),
            Route("/changes", self._changes),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
            Mount("/vendor", StaticFiles(directory=_HERE / "vendor")),
        ]
        handlers = {GoldenPathError: self._refused, 404: self._missing}
        return Starlette(routes=routes, exception_handlers=handlers)

    def _page(self, make: Callable[[Values], Page]) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            return await self._shown(request, make(_values(request)))

        return show

    async def _model(self, request: Request) -> Response:
        values = _values(request)
        stages = await self._in_thread(self._sources.stages)
        return await self._shown(request, pages.model_page(values, stages))

    async def _register(self, request: Request) -> Response:
        values = dict(_values(request))
        name = values.pop("name")
        if name not in pages.REGISTERS:
            raise NotFound(f"there is no register {name}")
        return await self._shown(request, pages.register_page(name, values))

    async def _shown(self, request: Request, page: Page) -> Response:
        if not _wants_json(request):
            return HTMLResponse(self._views.page(page))
        found: dict[str, object] = {}
        for placed in page.panels:
            if not placed.needs_click:
                answers = await self._answers(placed.name, placed.values)
                found |= {f"{placed.name}.{name}": each.record for name, each in answers.items()}
        return _json(found)

    async def _panel(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in PANELS:
            raise NotFound(f"there is no panel {name}")
        values = checked(dict(request.query_params.items() - {("format", "json")}))
        answers = await self._answers(name, values)
        if _wants_json(request):
            first = next(iter(answers.values()))
            return _json(first.record if len(answers) == 1 else _records(answers))
        is_part = "hx-request" in request.headers
        return HTMLResponse(self._views.panel(name, values, answers, is_part=is_part))

    async def _answers(self, name: str, values: Values) -> Mapping[str, VerbAnswer]:
        try:
            panel = PANELS[name]
            asked = panel.asks(values)
        except KeyError as error:
            raise InvalidInput(f"the address of this panel lacks {error.args[0]}") from error
        ask = partial(self._answered.answer, is_kept=panel.is_kept)
        return {part: await self._in_thread(ask, words) for part, words in asked.items()}

    async def _in_thread(
        self, call: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        return await anyio.to_thread.run_sync(call, *arguments, limiter=self._threads)

    async def _find(self, request: Request) -> Response:
        """Lead from a form with one field to the page about what was entered."""
        given = {k: v.strip() for k, v in request.query_params.items() if v.strip()}
        values = checked(given)
        match list(values.items()):
            case [("prediction", value)]:
                return RedirectResponse(f"/predictions/{value}", 303)
            case [("release", value)]:
                return RedirectResponse(f"/releases/{value}", 303)
            case _:
                raise InvalidInput("expected a prediction id or a digest")

    async def _report(self, request: Request) -> Response:
        """Show the documentation of a release as its verb writes it, with its own style sheet."""
        release = _values(request)["release"]
        answer = await self._asked(("report", release, "--format", "html"))
        headers = {"content-security-policy": DOCUMENT_POLICY}
        return HTMLResponse(answer.text, headers=headers)

    async def _proof(self, request: Request) -> Response:
        """Send the file that proves a prediction."""
        prediction = _values(request)["prediction"]
        with TemporaryDirectory(prefix="goldenpath-console-") as folder:
            file = Path(folder) / "proof.tgz"
            await self._asked(("prove", prediction, "--bundle", str(file)))
            content = file.read_bytes()
        named = {"content-disposition": f'attachment; filename="{prediction}.tgz"'}
        return Response(content, headers=named, media_type="application/gzip")

    async def _asked(self, words: tuple[str, ...]) -> VerbAnswer:
        """Run a verb. Raises `NotFound` with its reason if it has no answer."""
        answer = await self._in_thread(self._answered.run, words)
        if answer.error:
            raise NotFound(answer.error, hint=answer.hint)
        return answer

    async def _changes(self, _: Request) -> Response:
        return StreamingResponse(
            self._stream(), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    async def _stream(self) -> AsyncIterator[bytes]:
        known = await self._in_thread(self._answered.news)
        yield b"retry: 3000\n\n"
        while True:
            await anyio.sleep(LOOK_SECONDS)
            found = await self._in_thread(self._answered.news)
            if found != known:
                known = found
                yield b"event: changed\ndata: {}\n\n"
            else:
                yield b": nothing changed\n\n"  # a browser that has gone is noticed by this

    async def _refused(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, GoldenPathError):
            raise error
        code = 404 if isinstance(error, NotFound) else 400
        if _wants_json(request):
            body = json.dumps({"error": error.message, "hint": error.hint or ""}).encode()
            return Response(body, code, media_type="application/json")
        return HTMLResponse(self._views.fault(error), code)

    async def _missing(self, request: Request, _: Exception) -> Response:
        return await self._refused(request, NotFound(f"there is no page {request.url.path}"))


def _values(request: Request) -> Values:
    query = {k: v for k, v in request.query_params.items() if k != "format" and v}
    return checked({**query, **request.path_params})


def _wants_json(request: Request) -> bool:
    if request.query_params.get("format") == "json":
        return True
    return request.headers.get("accept", "").startswith("application/json")


def _records(answers: Mapping[str, VerbAnswer]) -> dict[str, object]:
    return {name: each.record for name, each in answers.items()}


def _json(record: object) -> Response:
    return Response(record_json(record) + b"\n", media_type="application/json")
