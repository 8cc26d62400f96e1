"""Open Inference Protocol v2 over gRPC: calls to a real server process, and what it records."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest

from goldenpath.http.listener_settings import ListenerSettings
from goldenpath.processes.launch import ServerConfiguration
from goldenpath.serve.protocol import grpc_messages, inference_service
from tests.serve.process import Packed, packed, started
from tests.serve.running import ROW, expected, records
from tests.serve.tokens import Authority, access_file

OTHER = [900_000.0, 25.0, 2.0, -3.5]
HEADERS = ("x-goldenpath-prediction-id", "x-goldenpath-release", "x-goldenpath-slot")


class _Calls:
    """A client that sends messages as bytes."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.trailers: Mapping[str, str] = {}

    def __call__(self, name: str, message: bytes, **metadata: str) -> bytes:
        ask = self._channel.unary_unary(inference_service.PREFIX + name)
        pairs = [(key.replace("_", "-"), value) for key, value in metadata.items()]
        answer, call = ask.with_call(message, metadata=pairs, timeout=20)
        self.trailers = dict(call.trailing_metadata())
        return bytes(answer)

    def refused(self, name: str, message: bytes, **metadata: str) -> tuple[str, str]:
        """Code and message of a call that is refused."""
        with pytest.raises(grpc.RpcError) as refusal:
            self(name, message, **metadata)
        self.trailers = dict(refusal.value.trailing_metadata())
        return refusal.value.code().name, refusal.value.details()


@contextmanager
def _calling(launch: ServerConfiguration) -> Iterator[_Calls]:
    with started(launch) as process:
        assert process.event["event"] == "ready", process.event
        with grpc.insecure_channel(str(process.event["grpc"])) as channel:
            yield _Calls(channel)
        process.end()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return packed(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def calls(release: Packed) -> Iterator[_Calls]:
    with _calling(replace(release.launch("shared"), grpc="127.0.0.1:0", spool="")) as calls:
        yield calls


def _tensor(rows: Sequence[Sequence[float]], **more: object) -> dict[str, object]:
    return {"name": "features", "datatype": "FP32", "shape": [len(rows), 4], **more}


def _contents(*rows: Sequence[float], **more: object) -> bytes:
    flat = [value for row in rows for value in row]
    tensor = _tensor(rows, contents={"fp32_contents": flat})
    return grpc_messages.render(
        "ModelInferRequest", {"model_name": "credit", "inputs": [tensor], **more}
    )


def _raw(*rows: Sequence[float], **more: object) -> bytes:
    raw = np.array(rows, "<f4").tobytes()
    fields = {"model_name": "credit", "inputs": [_tensor(rows)], "raw_input_contents": [raw]}
    return grpc_messages.render("ModelInferRequest", fields | more)


def test_health_and_metadata_are_those_of_the_other_door(calls: _Calls, release: Packed) -> None:
    named = grpc_messages.render("ModelReadyRequest", {"name": "credit"})

    assert calls("ServerLive", b"") == grpc_messages.render("ServerLiveResponse", {"live": True})
    assert calls("ServerReady", b"") == grpc_messages.render("ServerReadyResponse", {"ready": True})
    assert calls("ModelReady", named) == grpc_messages.render("ModelReadyResponse", {"ready": True})
    assert b"goldenpath" in calls("ServerMetadata", b"")
    metadata = calls("ModelMetadata", named)
    assert b"features" in metadata and release.image.digest.text.encode() in metadata
    other = grpc_messages.render("ModelReadyRequest", {"name": "other"})
    assert calls.refused("ModelMetadata", other)[0] == "NOT_FOUND"
    assert calls.refused("ModelConfig", b"")[0] == "NOT_FOUND"
    assert calls.refused("ModelStatistics", named)[0] == "NOT_FOUND"
    assert calls.refused("TraceSetting", b"")[0] == "UNIMPLEMENTED"
    assert b"features" in calls("ModelConfig", named)
    assert b"READY" in calls("RepositoryIndex", b"")


def test_numbers_and_raw_bytes_are_answered_alike_with_id_and_release(
    calls: _Calls, release: Packed
) -> None:
    digest = release.image.digest.text

    answer = grpc_messages.parse_answer(calls("ModelInfer", _contents(ROW, OTHER, id="mine")))
    assert answer.outputs[0].contents.fp32_contents == pytest.approx(
        expected([ROW, OTHER]), abs=1e-6
    )
    assert not answer.raw_output_contents
    assert (answer.id, answer.model_name, answer.model_version) == ("mine", "credit", digest)

    answer = grpc_messages.parse_answer(calls("ModelInfer", _raw(ROW, OTHER)))
    assert np.frombuffer(answer.raw_output_contents[0], "<f4") == pytest.approx(
        expected([ROW, OTHER]), abs=1e-6
    )
    assert not answer.outputs[0].contents.fp32_contents
    said = {name: answer.parameters[name].string_param for name in answer.parameters}
    assert [said["prediction_id"], said["release"], said["slot"]] == [
        calls.trailers[name] for name in HEADERS
    ]
    assert (said["release"], answer.id) == (digest, said["prediction_id"])


@pytest.mark.parametrize("datatype", ["INT32", "INT64", "UINT8", "UINT64", "FP64"])
def test_one_tensor_per_feature_comes_in_every_number_type(calls: _Calls, datatype: str) -> None:
    fields = {"INT32": "int", "INT64": "int64", "UINT8": "uint", "UINT64": "uint64", "FP64": "fp64"}
    row = [200, 40, 1, 100]
    inputs = [
        {
            "name": name,
            "datatype": datatype,
            "shape": [1],
            "contents": {f"{fields[datatype]}_contents": [value]},
        }
        for name, value in zip(("limit", "age", "status", "paid"), row, strict=True)
    ]
    body = grpc_messages.render("ModelInferRequest", {"model_name": "credit", "inputs": inputs})

    answer = grpc_messages.parse_answer(calls("ModelInfer", body))

    assert answer.outputs[0].contents.fp32_contents == pytest.approx(expected([[*map(float, row)]]))


REFUSED = {
    "a value out of range": (_contents([1.0, 200.0, 0.0, 0.0]), "column age"),
    "too few numbers": (_contents(ROW, inputs=[_tensor([ROW], contents={})]), "has 0 values"),
    "another field": (
        _contents(inputs=[_tensor([ROW], contents={"fp64_contents": ROW})]),
        "expected fp32_contents",
    ),
    "raw and numbers": (_contents(ROW, raw_input_contents=[b"\0" * 16]), "both contents and raw"),
    "raw of another length": (_raw(ROW, raw_input_contents=[b"\0" * 15]), "15 binary bytes"),
    "too many raw": (_raw(ROW, raw_input_contents=[b"", b""]), "holds 2 tensors"),
    "no input": (grpc_messages.render("ModelInferRequest", {"model_name": "credit"}), "do not fit"),
    "another output": (_contents(ROW, outputs=[{"name": "x"}]), "output 'x' does not exist"),
    "subjects that are no list": (
        _contents(ROW, parameters=grpc_messages.text_parameters({"subjects": "me"})),
        "no JSON list",
    ),
    "no message": (b"\xff\xff\xff", "is no ModelInferRequest"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_wrong_is_named(calls: _Calls, fault: str) -> None:
    body, words = REFUSED[fault]

    code, message = calls.refused("ModelInfer", body)

    assert code == "INVALID_ARGUMENT"
    assert words in message
    assert set(HEADERS) <= calls.trailers.keys()


def test_another_model_or_version_is_not_found(calls: _Calls) -> None:
    assert calls.refused("ModelInfer", _contents(ROW, model_name="x"))[0] == "NOT_FOUND"
    assert calls.refused("ModelInfer", _contents(ROW, model_version="x"))[0] == "NOT_FOUND"


def test_a_message_that_is_too_large_is_refused_unread(calls: _Calls) -> None:
    assert calls.refused("ModelInfer", b"\0" * (9 << 20))[0] == "RESOURCE_EXHAUSTED"


def test_a_message_that_is_too_large_once_unpacked_is_refused(release: Packed) -> None:
    launch = replace(release.launch("gzip"), grpc="127.0.0.1:0", spool="")
    with started(launch) as process:
        memory = Path(f"/proc/{process.child.pid}/status")
        channel = grpc.insecure_channel(
            str(process.event["grpc"]), compression=grpc.Compression.Gzip
        )
        with channel:
            calls = _Calls(channel)
            assert calls("ModelInfer", _contents(ROW))
            # 64 KiB on the wire.
            code, message = calls.refused("ModelInfer", b"\0" * (64 << 20))
        peak = int(memory.read_text().partition("VmHWM:")[2].split()[0]) // 1024

    assert (code, "larger than max" in message) == ("RESOURCE_EXHAUSTED", True)
    assert peak < 160


def test_calls_stand_in_the_log_with_caller_subjects_and_trace(tmp_path: Path) -> None:
    rules = access_file(tmp_path, batch=["infer"], reader=["read"])
    release = packed(tmp_path)
    launch = replace(
        release.launch(), grpc="127.0.0.1:0", listener_settings=ListenerSettings(str(rules))
    )
    subjects = grpc_messages.text_parameters({"subjects": '["client-7"]'})
    trace = f"00-{'1' * 32}-{'2' * 16}-01"

    with _calling(launch) as calls:
        assert calls("ServerReady", b"")
        assert calls.refused("ModelInfer", _contents(ROW))[0] == "UNAUTHENTICATED"
        token = {"authorization": "Bearer reader"}
        assert calls.refused("ModelInfer", _contents(ROW), **token)[0] == "PERMISSION_DENIED"
        token = {"authorization": "Bearer batch"}
        assert calls.refused("ServerMetadata", b"", **token)[0] == "PERMISSION_DENIED"
        calls("ModelInfer", _contents(ROW, parameters=subjects), traceparent=trace, **token)
        answered = calls.trailers
        calls.refused("ModelInfer", _contents([1.0, 200.0, 0.0, 0.0]), **token)

    good, bad = records(tmp_path / "spool")
    assert (good.status, good.caller, good.subjects) == (200, "batch", ["client-7"])
    assert (good.prediction_id, good.traceparent) == (answered[HEADERS[0]], trace)
    assert np.frombuffer(good.scores, "<f4") == pytest.approx(expected([ROW]))
    assert bad.status == 422
    assert bad.refusal == "out of range: row 0, column age: expected 18 to 100"


def test_only_clients_with_a_certificate_are_served_and_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours, theirs = authority.issue("server"), authority.issue("scoring-batch")
    launch = replace(
        packed(tmp_path).launch(),
        grpc="127.0.0.1:0",
        listener_settings=ListenerSettings(
            certificate=str(ours.certificate),
            private_key=str(ours.key),
            client_authorities=str(authority.path),
        ),
    )
    trusted = authority.path.read_bytes()
    pair = (theirs.key.read_bytes(), theirs.certificate.read_bytes())

    with started(launch) as process:
        address = str(process.event["grpc"])
        known = grpc.ssl_channel_credentials(trusted, *pair)
        with grpc.secure_channel(address, known) as channel:
            _Calls(channel)("ModelInfer", _contents(ROW))
        strange = grpc.ssl_channel_credentials(trusted)
        with grpc.secure_channel(address, strange) as channel:
            assert _Calls(channel).refused("ModelInfer", _contents(ROW))[0] == "UNAVAILABLE"
        with grpc.insecure_channel(address) as channel:
            assert _Calls(channel).refused("ModelInfer", _contents(ROW))[0] == "UNAVAILABLE"
        process.end()

    (record,) = records(tmp_path / "spool")
    assert record.caller == "scoring-batch"


def test_a_port_that_is_taken_keeps_the_server_from_starting(tmp_path: Path) -> None:
    release = packed(tmp_path)
    with started(replace(release.launch(), grpc="127.0.0.1:0")) as first:
        launch = replace(release.launch("two"), grpc=str(first.event["grpc"]))
        with started(launch) as second:
            assert second.event["event"] == "failed", second.event
            assert "cannot listen for gRPC" in str(second.event["error"])
