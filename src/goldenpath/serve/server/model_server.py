"""The model server: protocol targets, one batcher, one listener, an orderly drain."""

import asyncio
import gc
import re
import ssl
import time
from collections.abc import Callable, Mapping
from time import monotonic_ns

import msgspec

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.http.access import Access, AskedModel, Denied, Scope
from goldenpath.http.callers import caller_from_header
from goldenpath.http.limits import Limits
from goldenpath.http.listener import HttpListener
from goldenpath.http.messages.content_encoding import decoded
from goldenpath.http.messages.exchange import Exchange, refuse, respond
from goldenpath.http.messages.heads import BadMessage, RequestHead
from goldenpath.http.messages.request_target import decoded_path
from goldenpath.http.messages.writer import render
from goldenpath.http.server_connection import ServerConnection
from goldenpath.project.spec import Contract
from goldenpath.serve.model.model import Model, ModelApart
from goldenpath.serve.protocol import inference_service, model_repository, openapi, tabular
from goldenpath.serve.protocol.calls import Calls
from goldenpath.serve.protocol.inputs import InputRules, Refusal, Unfit
from goldenpath.serve.protocol.open_inference import Reader
from goldenpath.serve.protocol.release_identity import (
    SERVER,
    ReleaseIdentity,
    describe,
    describe_further,
    outputs_of,
)
from goldenpath.serve.protocol.tensors import InputShape
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import OVERLOAD
from goldenpath.serve.request_fields import RULES, VARYING
from goldenpath.serve.server.answers import Answers
from goldenpath.serve.server.batch import Batcher
from goldenpath.serve.server.recorder import OnLoss, Recorder

SWEEP = 0.5
COLLECT = (20_000, 10, 10)
"""New objects per garbage collection; it is large, because requests leave no cycles."""
LINGER = 0.2
"""Seconds for which a draining server accepts late requests."""

_CALLS = inference_service.PREFIX.encode("ascii")
_OPEN = frozenset(
    {b"/v2/health/live", b"/v2/health/ready", _CALLS + b"ServerLive", _CALLS + b"ServerReady"}
)
"""Health targets, which need no token."""
_INDEX = model_repository.INDEX.encode("ascii")
_PREDICTION_ID = re.compile(rb"[0-9a-f]{32}")
_USUAL = frozenset({b"authorization", b"content-length", b"content-type", b"host", b"traceparent"})
"""Headers that do not affect how a body is read, besides its type."""
_MEDIA_TYPES = (
    b"",
    b"application/json",
    b"application/octet-stream",
    inference_service.MEDIA_TYPE.encode("ascii"),
)


class ModelServer:
    """A server of one release until it drains."""

    def __init__(
        self,
        identity: ReleaseIdentity,
        contract: Contract,
        model: Model | ModelApart,
        spool: SpoolWriter | None,
        *,
        report: Callable[[str], None],
        limits: Limits | None = None,
        on_loss: OnLoss = "serve",
        access: Access | None = None,
        behind_gateway: bool = False,
        caller_secret: str = "",
    ) -> None:
        self._behind_gateway = behind_gateway
        self._caller_secret = caller_secret
        self.access = access
        """The access rules; may be replaced while serving."""
        self._own = AskedModel(identity.stage, identity.model)
        self._identity = identity
        self._shape = InputShape.of(contract)
        self._reader = Reader(self._shape, outputs_of(contract))
        self._calls = Calls(identity, contract)
        self._recorder = Recorder(spool, on_loss)
        self._batcher = Batcher(
            model,
            InputRules(contract),
            Answers(identity, contract, self._calls),
            self._recorder,
            report=report,
        )
        self.settle = self._batcher.settle
        """Answer the waiting requests; to be called after requests were accepted."""
        self._limits = limits or Limits()
        self._listener = HttpListener(self, self._limits, RULES, VARYING)
        self._is_ready = False
        self._sweeper: asyncio.TimerHandle | None = None
        self._asks, self._pages = _routes(identity, contract)

    @property
    def answered(self) -> int:
        """Return the number of prediction requests that were answered or refused so far."""
        return self._recorder.answered

    @property
    def on_loss(self) -> OnLoss:
        """The policy for requests that cannot be recorded; may be changed while serving."""
        return self._recorder.on_loss

    @on_loss.setter
    def on_loss(self, on_loss: OnLoss) -> None:
        self._recorder.on_loss = on_loss

    @property
    def _can_answer(self) -> bool:
        return self._is_ready and self._batcher.is_available

    def warm_up(self) -> None:
        """Warm up, so that the first answer is as fast as the others."""
        self._batcher.warm_up()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)

    async def listen(self, address: str, tls: ssl.SSLContext | None = None) -> str:
        """Start to accept connections on `unix:PATH` or `127.0.0.1:PORT`; return the address.

        Raises `InvalidInput` for another form, `Unavailable` if the address is taken.
        """
        address = await self._listener.open(address, tls)
        self._is_ready = True
        self._sweep()
        return address

    def withdraw(self) -> None:
        """Report from now on that this server is not ready, and go on answering."""
        self._is_ready = False

    async def drain(self, *, linger: float = LINGER, limit: float = 30.0) -> None:
        """Answer every request that is in flight or on its way, then close everything."""
        self._is_ready = False
        await self._listener.drain(lambda: self._batcher.is_idle, linger=linger, limit=limit)
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._batcher.close()

    def _sweep(self) -> None:
        self._listener.sweep()
        self._batcher.watch()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP, self._sweep)

    def take(
        self, connection: ServerConnection, head: RequestHead, body: bytes, held: int
    ) -> Exchange:
        """Take a request that a connection has read."""
        exchange = Exchange(
            connection,
            head.method,
            head.target,
            head.fields.copy(),
            body,
            head.keep_alive and not self._listener.is_draining,
            monotonic_ns(),
            connection.peer,
            None,
            held,
        )
        self.accept(exchange)
        # Only the parsed values are needed until the answer; the raw body would fill memory.
        exchange.body = b""
        return exchange

    def refused(self, status: int, seconds: float) -> None:
        """Does nothing: the model was not asked, so there is no record."""

    def accept(self, exchange: Exchange) -> None:
        """Take a complete request; its answer may come at once or later."""
        if not self._behind_gateway:
            # A direct caller is answered, but its gateway headers are ignored.
            exchange.headers.pop(b"x-goldenpath-shadow", None)
            exchange.headers.pop(b"x-goldenpath-canary", None)
        if b"x-goldenpath-caller" in exchange.headers:
            named = caller_from_header(
                self._caller_secret, exchange.headers.pop(b"x-goldenpath-caller")
            )
            exchange.caller = named or exchange.caller
        form = self._asks.get(exchange.target)
        if form is None:
            exchange.target = decoded_path(exchange.target)
            form = self._asks.get(exchange.target)
        if self.access is not None and not self._admit(self.access, exchange, form):
            return
        if form is None:
            self._page(exchange)
        elif exchange.method != b"POST":
            refuse(exchange, 405, "expected POST", headers={"allow": "POST"})
        else:
            self._ask(exchange, form)

    def _admit(self, access: Access, exchange: Exchange, form: str | None) -> bool:
        target = exchange.target
        if target in _OPEN:
            return True
        scope: Scope = "infer" if form else "metrics" if target == b"/metrics" else "read"
        header = exchange.headers.pop(b"authorization", b"")
        caller = access.admit(header, scope, time.time(), self._own)
        if isinstance(caller, Denied):
            challenge = {"www-authenticate": "Bearer"} if caller.status == 401 else None
            refuse(exchange, caller.status, caller.message, headers=challenge)
            return False
        exchange.caller = caller
        return True

    def _ask(self, exchange: Exchange, form: str) -> None:
        batcher = self._batcher
        # Checked first, because an invalid prediction id must not get into a record.
        refusal = _framing(exchange.headers)
        if batcher.is_full or not batcher.is_available:
            lost = "the model is not available now"
            message = OVERLOAD if batcher.is_full else lost
            batcher.refuse(exchange, Refusal(503, message, message))
            return
        if refusal is not None:
            batcher.refuse(exchange, refusal)
            return
        try:
            encoding = exchange.headers.get(b"content-encoding")
            if encoding:
                exchange.body = decoded(exchange.body, encoding, self._limits.body)
            if form == "tabular":
                question = tabular.read(exchange.body, self._shape)
            elif form == "call":
                question = self._calls.read(exchange.body)
            else:
                length = exchange.headers.get(b"inference-header-content-length")
                question = self._reader.read(exchange.body, int(length) if length else None)
        except BadMessage as error:
            batcher.refuse(exchange, Refusal(error.status, error.message, error.message))
            return
        except Unfit as error:
            batcher.refuse(exchange, error.refusal)
            return
        except InvalidInput as error:
            batcher.refuse(exchange, Refusal(400, error.message, error.message))
            return
        except NotFound as error:
            batcher.refuse(exchange, Refusal(404, error.message, error.message))
            return
        batcher.ask(exchange, question)

    def _page(self, exchange: Exchange) -> None:
        target = exchange.target
        if target.startswith(_CALLS):
            self._call(exchange, target.removeprefix(_CALLS).decode("latin-1"))
        elif target == _INDEX:
            self._index(exchange)
        elif target not in self._pages:
            shown = target[:200].decode("latin-1")
            why = model_repository.why_absent(shown)
            refuse(exchange, 404, f"{shown} does not exist" + (f": {why}" if why else ""))
        elif exchange.method not in (b"GET", b"HEAD"):
            refuse(exchange, 405, "expected GET", headers={"allow": "GET, HEAD"})
        elif target.endswith(b"/ready") and not self._can_answer:
            respond(exchange, 503, {**self._pages[target], "ready": False})
        else:
            respond(exchange, 200, self._pages[target])

    def _index(self, exchange: Exchange) -> None:
        if exchange.method != b"POST":
            refuse(exchange, 405, "expected POST", headers={"allow": "POST"})
            return
        try:
            ready_only = model_repository.wants_ready_only(exchange.body)
        except InvalidInput as error:
            refuse(exchange, 400, error.message)
            return
        listed = model_repository.index(
            self._identity, is_ready=self._can_answer, ready_only=ready_only
        )
        body = msgspec.json.encode(listed)
        exchange.answer = render(200, body, keep_alive=exchange.keep_alive)

    def _call(self, exchange: Exchange, name: str) -> None:
        if exchange.method != b"POST":
            refuse(exchange, 405, "expected POST", headers={"allow": "POST"})
            return
        try:
            body = self._calls.answer(name, exchange.body, is_ready=self._can_answer)
        except InvalidInput as error:
            refuse(exchange, 400, error.message)
        except NotFound as error:
            refuse(exchange, 404, error.message)
        else:
            exchange.answer = render(
                200, body, keep_alive=exchange.keep_alive, media_type=inference_service.MEDIA_TYPE
            )


def _framing(headers: dict[bytes, bytes]) -> Refusal | None:
    """Return the fault in the headers of a prediction request, if there is one."""
    if headers.keys() <= _USUAL and headers.get(b"content-type") == b"application/json":
        return None
    given = headers.get(b"x-goldenpath-prediction-id")
    if given is not None and _PREDICTION_ID.fullmatch(given) is None:
        del headers[b"x-goldenpath-prediction-id"]
        message = "x-goldenpath-prediction-id is not 32 lower-case hex digits"
        return Refusal(400, message, message)
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        # A browser sends other types across origins without a preflight, so they are refused.
        message = "the content type is not known: expected application/json"
        return Refusal(415, message, message)
    length = headers.get(b"inference-header-content-length")
    if length is not None and not (length.isdigit() and len(length) < 12):
        message = "inference-header-content-length is not a number of bytes"
        return Refusal(400, message, message)
    return None


def _routes(
    identity: ReleaseIdentity, contract: Contract
) -> tuple[Mapping[bytes, str], Mapping[bytes, Mapping[str, object]]]:
    """Return the prediction targets, and the constant pages."""
    model = f"/v2/models/{identity.model}"
    bases = [model, *(f"{model}/versions/{v}" for v in (identity.digest, identity.slot))]
    asks = {f"{base}/infer": "infer" for base in bases}
    asks[f"/v1/models/{identity.model}/predict"] = "tabular"
    asks[inference_service.PREFIX + inference_service.INFER] = "call"
    pages: dict[str, Mapping[str, object]] = {
        "/v2/health/live": {"live": True},
        # The specification writes "live" here too; real servers send "ready".
        "/v2/health/ready": {"ready": True, "live": True},
        "/v2": SERVER,
        "/v2/": SERVER,
        "/v2/models": {"models": [identity.model]},
        "/openapi.json": openapi.document(contract, identity.digest),
    }
    for base in bases:
        pages[base] = {
            **describe(identity, contract),
            "goldenpath": describe_further(identity, contract),
        }
        pages[f"{base}/ready"] = {"name": identity.model, "ready": True}
        pages[f"{base}/config"] = model_repository.configuration(identity, contract)
    return (
        {target.encode("ascii"): form for target, form in asks.items()},
        {target.encode("ascii"): page for target, page in pages.items()},
    )
