"""Forwards gRPC calls to the gateway as HTTP/1.1 requests.

So split, limits, retries and counts of the gateway apply to gRPC calls, and the gateway needs no
gRPC code. Connections are kept. A broken call is reported and never sent again, because the answer
to the first try might be in the log.
"""

import re
import time
from collections.abc import Callable, Mapping

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.http.access import Access, Denied
from goldenpath.http.callers import caller_header
from goldenpath.http.client import HttpClient
from goldenpath.http.messages.heads import HOP_BY_HOP
from goldenpath.http.messages.writer import error_body
from goldenpath.instruments import HEADER_CALLER
from goldenpath.serve.grpc.grpc_listener import Ask, Call, CallReply
from goldenpath.serve.protocol import inference_service
from goldenpath.serve.protocol.grpc_messages import parse_infer, parse_named, render
from goldenpath.version import __version__

STAGE = b"x-goldenpath-stage"
"""Metadata that names the stage of the model."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
_OWN = (b"grpc-", b":")
_CALLER = HEADER_CALLER.encode()
_OF_ALL = ("ServerMetadata", inference_service.INDEX)
"""Calls that name no model. The others are answered by model servers, which ask for tokens."""
_NO_INDEX = (
    "the gateway has no index of models over gRPC: POST /STAGE/MODEL/v2/repository/index lists one"
)
_NOT_FORWARDED = HOP_BY_HOP | {STAGE, b"host", _CALLER}


def forward(
    gateway: HttpClient,
    caller_secret: str = "",
    access: Callable[[], Access | None] = lambda: None,
) -> Ask:
    """Return a forwarder of calls to their stage; it names the caller with `caller_secret`.

    `access` returns the rules for calls that no model server answers.
    """

    async def ask(call: Call) -> CallReply:
        if call.name in ("ServerLive", "ServerReady"):
            health = await _ask(gateway, "GET", "/healthz", headers={}, body=b"")
            key = call.name.removeprefix("Server").lower()
            return _message(call.name, {key: health.status == 200})
        if call.name in _OF_ALL:
            return _about_all(call, access())
        try:
            target = _target(call)
        except InvalidInput as error:
            return _refusal(400, error.message)
        headers = {
            name: value
            for name, value in call.headers.items()
            if not name.startswith(_OWN) and name not in _NOT_FORWARDED
        }
        if caller_secret and call.peer:
            headers[_CALLER] = caller_header(caller_secret, call.peer)
        headers[b"content-type"] = inference_service.MEDIA_TYPE.encode("ascii")
        return await _ask(gateway, "POST", target, headers=headers, body=call.message)

    return ask


def _about_all(call: Call, access: Access | None) -> CallReply:
    """Answer what is about no model, to whoever may read metadata of all models."""
    if access is not None:
        caller = access.admit(call.headers.get(b"authorization", b""), "read", time.time())
        if isinstance(caller, Denied):
            return _refusal(caller.status, caller.message)
    if call.name == inference_service.INDEX:
        return _refusal(404, _NO_INDEX)
    metadata = {
        "name": "goldenpath",
        "version": __version__,
        "extensions": inference_service.EXTENSIONS,
    }
    return _message(call.name, metadata)


def _target(call: Call) -> str:
    """Return the target. Raises `InvalidInput` for a missing stage or an invalid model name."""
    if call.name == inference_service.INFER:
        model = parse_infer(call.message).model_name
    else:
        model = parse_named(call.message).name
    stage = call.headers.get(STAGE, b"").decode("latin-1")
    for what, name in (("stage", stage), ("model", model)):
        if _NAME.fullmatch(name) is None:
            raise InvalidInput(
                f"the call names no {what}: expected the metadata {STAGE.decode()} "
                "and the name of a model"
            )
    return f"/{stage}/{model}{inference_service.PREFIX}{call.name}"


async def _ask(
    gateway: HttpClient, method: str, target: str, *, headers: Mapping[bytes, bytes], body: bytes
) -> CallReply:
    """Return the answer, or a refusal with the reason."""
    try:
        answer = await gateway.request(method, target, tuple(headers.items()), body)
    except TimeoutError:
        return _refusal(504, "no answer in time")
    except Unavailable as error:
        return _refusal(503, error.message)
    fields = answer.fields
    shown = {name: value for name, value in fields.items() if name.startswith("x-goldenpath-")}
    return CallReply(answer.status, shown, answer.body)


def _message(name: str, fields: Mapping[str, object]) -> CallReply:
    return CallReply(200, {}, render(f"{name}Response", fields))


def _refusal(status: int, message: str) -> CallReply:
    return CallReply(status, {}, error_body(message))
