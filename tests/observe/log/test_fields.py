"""Every field of a record that good practice asks for, from the caller's request to the reader."""

import json
import subprocess
import sys
import zlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import grpc
import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
import urllib3

from goldenpath.digest import Digest
from goldenpath.drift.profile_format import render_profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.log_reader import Record, find_prediction, records
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.records import SCHEMA, VERSION
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.segment import (
    checkpoints,
    parse_checkpoint,
    render_checkpoint,
    table_of,
)
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.processes.observer_launch import ObserverLaunch
from goldenpath.project.spec import Band, DecisionPolicy
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.release.attest.keys import PemSigner, generate_key
from goldenpath.serve.protocol import grpc_messages, inference_service
from goldenpath.serve.protocol.request_context import RequestContext
from goldenpath.serve.record.clock import Timex, read_timex
from goldenpath.serve.record.spool_format import (
    FRAME,
    Answered,
    SpoolHeader,
    SpoolMark,
    render_frame,
)
from goldenpath.serve.record.spool_reader import read
from tests.observe.spooling import CONTRACT, DIGEST, FACTS, START, answer, draw, spool_path
from tests.serve.process import packed, started
from tests.serve.running import CONTRACT as CREDIT
from tests.serve.running import INFER, ROW, question

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FIELDS = {
    "prediction_id": "prediction_id",
    "t_start, t_end, clock offset": "t_start duration_ns clock_offset_ns clock_error_ns",
    "digests": "release_digest model_digest decision_policy_digest schema_digest",
    "which copy, was it decisive": "replica traffic_slot traffic_role decisive",
    "caller, process, channel": "caller process channel",
    "subject_ref": "subject_ref",
    "input_commitment": "input_commitment",
    "input_ciphertext": "input_ciphertext key_day",
    "validity": "missing out_of_range unseen feature_age_ms",
    "reference_data": "reference_kinds input_ciphertext",
    "score, band, outcome": "score band outcome",
    "reasons, explainer_digest": "reasons explainer_digest",
    "distance to cut-off": "cutoff_distance",
    "fallback_used, error_class": "fallback_used error_class refusal status",
    "oversight_mode": "oversight_mode oversight_by",
    "trace_id": "trace_id",
}
"""Fields of a record that good practice asks for, and the columns that hold them."""
SAID = {
    "process": "consumer loan",
    "channel": "mobile",
    "oversight": "automatic",
    "features_at": "2026-01-01T00:00:00Z",
}


def test_every_field_has_its_columns() -> None:
    wanted = {column for columns in FIELDS.values() for column in columns.split()}

    assert wanted <= set(SCHEMA.names)
    page = (Path(__file__).parents[3] / "docs" / "prediction-record.md").read_text()
    assert [name for name in SCHEMA.names if f"`{name}`" not in page] == []


def _body(row: list[float], **parameters: object) -> bytes:
    return json.dumps(question(row, parameters=parameters)).encode()


def _seal(home: Home, store: Path) -> None:
    """Seals what stands in the spool, by the observer's own process."""
    launch = ObserverLaunch(home=str(home.root), store=str(store), seal_seconds=0.05)
    done = subprocess.run(
        [sys.executable, "-m", "goldenpath.observe"],
        input=json.dumps(asdict(launch)).encode() + b"\n",
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert b"failed" not in done.stdout, done.stdout


def test_what_a_caller_says_goes_from_every_door_to_every_reader(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).uniform(20, 60, 500)
    table = {"limit": rows * 1000, "age": rows, "status": np.floor(rows) % 3, "paid": rows * 2}
    profile = render_profile(build_profile(CREDIT, table, rows / 100))
    release = packed(tmp_path, profile=profile)
    named = [{"bureau": "Q-17", "features": "snapshot-9"}]
    launch = replace(release.launch(), listen="127.0.0.1:0", grpc="127.0.0.1:0")
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, 4]}
    texts = grpc_messages.text_parameters({**SAID, "reference_data": json.dumps(named)})
    call = grpc_messages.render(
        "ModelInferRequest",
        {
            "model_name": "credit",
            "inputs": [{**tensor, "contents": {"fp32_contents": ROW}}],
            "parameters": texts,
        },
    )
    tabular = {
        "rows": [dict(zip(("limit", "age", "status", "paid"), ROW, strict=True))],
        "parameters": {**SAID, "reference_data": named, "subjects": ["client"]},
    }

    with started(launch) as process, urllib3.PoolManager(retries=False) as pool:

        def post(target: str, body: bytes) -> urllib3.BaseHTTPResponse:
            headers = {"content-type": "application/json"}
            return pool.request("POST", f"http://{process.address}{target}", body=body,
                                headers=headers)  # fmt: skip

        assert post(INFER, _body(ROW)).status == 200
        assert post(INFER, _body(ROW, **SAID, reference_data=named)).status == 200
        assert post("/v1/models/credit/predict", json.dumps(tabular).encode()).status == 200
        with grpc.insecure_channel(str(process.event["grpc"])) as channel:
            channel.unary_unary(f"{inference_service.PREFIX}{inference_service.INFER}")(
                call, timeout=20
            )
        refused = post(INFER, _body([1.0, 500.0, 1.0, 1.0], **SAID, reference_data=named))
        assert refused.status == 422
        process.end()
    home = Home(tmp_path)
    _seal(home, tmp_path / "registry")

    silent, infer, tab, over_grpc, bad = sorted(
        records(home), key=lambda record: int(str(record["sequence"]))
    )
    _is_whole(silent)
    assert (silent["process"], silent["feature_age_ms"], silent["reference_kinds"]) == (None,) * 3
    assert silent["outcome"] == "refer"
    assert (silent["oversight_mode"], silent["oversight_by"]) == ("human-in-loop", "policy")
    for record in (infer, tab, over_grpc):
        _is_whole(record)
        assert (record["process"], record["channel"]) == ("consumer loan", "mobile")
        assert (record["oversight_mode"], record["oversight_by"]) == ("automatic", "caller")
        assert record["reference_kinds"] == ["bureau", "features"]
        age = datetime.fromisoformat(str(record["t_start"])) - datetime(2026, 1, 1, tzinfo=UTC)
        assert abs(int(str(record["feature_age_ms"])) - age.total_seconds() * 1000) < 2
        found = find_prediction(home, str(record["prediction_id"]))
        assert found.references == named[0] and found.inputs is not None
        assert found.inputs["age"] == 40.0
    assert (bad["error_class"], bad["status"], bad["score"]) == ("input contract", 422, None)
    assert (bad["process"], bad["reference_kinds"]) == ("consumer loan", ["bureau", "features"])
    assert (bad["oversight_mode"], bad["oversight_by"]) == ("automatic", "caller")
    assert tab["subject_ref"] and not silent["subject_ref"]
    (replica,) = check_log(home).replicas
    assert replica.processes == ("consumer loan",) and "for consumer loan" in check_log(home).page()
    raw = b"".join(path.read_bytes() for path in home.predictions.rglob("*.parquet"))
    assert b"Q-17" not in raw, "identifiers of outside data are never in the clear"


def _is_whole(record: Record) -> None:
    """Whether a record of an answer has all that a server and a release know."""
    parts = ("model_digest", "decision_policy_digest", "schema_digest", "release_digest")
    digests = [str(record[name]) for name in parts]
    assert len(set(digests)) == 4 and all(each.startswith("sha256:") for each in digests)
    assert (record["traffic_role"], record["error_class"]) == ("stable", None)
    assert isinstance(record["cutoff_distance"], float) and record["cutoff_distance"] < 0.6
    assert str(record["t_end"]) > str(record["t_start"])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"process": "x\n"}, "parameters.process is no label"),
        ({"channel": "é"}, "parameters.channel is no label"),
        ({"process": "a" * 65}, "parameters.process is no label"),
        ({"process": None}, "Expected `str`"),
        ({"oversight": "nobody"}, "Invalid enum value"),
        ({"features_at": "2026-01-01T00:00:00"}, "with a timezone"),
        ({"features_at": "1960-01-01T00:00:00Z"}, "expected 1970"),
        ({"reference_data": []}, ""),
        ({"reference_data": [{}, {}]}, "has 2 objects: expected 1"),
        ({"reference_data": [{"a": "x" * 257}]}, "expected 1 to 256"),
        ({"reference_data": [{"a": ""}]}, "expected 1 to 256"),
        ({"reference_data": [{"": "x"}]}, "no label"),
        ({"reference_data": [{f"k{n}": "x" for n in range(9)}]}, "names 9 kinds"),
        ({"reference_data": [{"a": 1}]}, "Expected `str`"),
    ],
)
def test_what_a_caller_says_wrongly_is_refused(
    parameters: Mapping[str, object], message: str
) -> None:
    from goldenpath.serve.protocol.open_inference import Reader
    from goldenpath.serve.protocol.tensors import InputShape

    reader = Reader(InputShape.of(CREDIT), "probability")
    if not message:
        assert reader.read(_body(ROW, **parameters), None).context is None
        return
    with pytest.raises(InvalidInput, match=message.replace("`", ".")):
        reader.read(_body(ROW, **parameters), None)


def _sealed(home: Home, answered: list[Answered], header: SpoolHeader) -> None:
    home.spool.mkdir(parents=True, exist_ok=True)
    frames = [render_frame(header), render_frame(answered), render_frame(SpoolMark(end=True))]
    spool_path(home.spool).write_bytes(b"".join(frames))
    signer = PemSigner.load(home.log_key) if home.log_key.exists() else generate_key(home.log_key)
    subjects = Subjects(home.keys)
    log = PredictionLog(home.predictions, subjects, signer, lambda digest: FACTS)
    for batch in Tail(home.spool, log.resume, pytest.fail).batches():
        log.add(batch, 0.0)
        log.seal(batch.path, NOW)
        batch.path.unlink()
    subjects.close()


def _header(clock_offset: int | None = None, clock_error: int | None = None) -> SpoolHeader:
    names = [feature.name for feature in CONTRACT.features]
    return SpoolHeader(
        2, "prod", "credit", "r1", DIGEST, "r1", names, START,
        clock_offset=clock_offset, clock_error=clock_error,
    )  # fmt: skip


def test_roles_clocks_kinds_of_failure_and_distances_are_told_apart(tmp_path: Path) -> None:
    home = Home(tmp_path)
    one = answer(0, draw(1, 1))
    answered = [
        one,
        msgspec.structs.replace(answer(1, draw(2, 1)), canary=True),
        msgspec.structs.replace(answer(2, draw(1, 1)), shadow=True),
        answer(3, draw(0, 1), status=503, refusal="too many requests wait"),
        answer(4, draw(0, 1), status=503, refusal="the model is not available now"),
        answer(5, draw(0, 1), status=400, refusal="the body is not JSON"),
        answer(6, draw(1, 1), refusal="fallback: the model gave no score in [0, 1]"),
    ]
    answered[1] = msgspec.structs.replace(
        answered[1],
        context=RequestContext(references=[{"bureau": "one"}, {}], oversight="automatic"),
    )
    _sealed(home, answered, _header(clock_offset=-1500, clock_error=2_500_000))

    found = sorted(records(home), key=lambda each: (str(each["sequence"]), str(each["row"])))
    roles = [each["traffic_role"] for each in found]
    assert roles == ["stable", "canary", "canary", "shadow", *["stable"] * 4]
    errors = [each["error_class"] for each in found[4:]]
    assert errors == ["overload", "unavailable", "request", "model"]
    assert [each["reference_kinds"] for each in found[:4]] == [None, ["bureau"], None, None]
    assert {each["oversight_by"] for each in found} == {"policy", "caller", None}
    assert {each["clock_offset_ns"] for each in found} == {-1500}
    (replica,) = check_log(home).replicas
    assert replica.clock_error_ms == 2.5 and "times right to 2.5 ms" in check_log(home).page()
    score = np.frombuffer(one.scores, "<f4")[0]
    assert found[0]["cutoff_distance"] == pytest.approx(
        min(abs(score - 0.3), abs(score - 0.6)), abs=1e-6
    )
    referred = [find_prediction(home, str(each["prediction_id"])) for each in found[1:3]]
    assert [each.references for each in referred] == [{"bureau": "one"}, {}]


def test_many_processes_are_named_in_few_words(tmp_path: Path) -> None:
    home = Home(tmp_path)
    answered = [
        msgspec.structs.replace(
            answer(number, draw(1, 1)), context=RequestContext(process=f"p{number:02}")
        )
        for number in range(13)
    ]
    _sealed(home, answered, _header())

    assert len(check_log(home).replicas[0].processes) == 13
    assert "p08, p09 and 3 more" in check_log(home).page()


def test_a_bound_counts_only_where_the_outcome_changes() -> None:
    bands = (Band("a", 0.2, "accept"), Band("b", 0.5, "accept"), Band("c", 1.01, "decline"))
    scores = np.array([0.2, 0.9, np.nan, 2.0], np.float32)
    one = replace(CONTRACT, decision=DecisionPolicy(bands))
    none = replace(CONTRACT, decision=DecisionPolicy((Band("all", 1.01, "refer"),)))

    numbers = scores.reshape(-1, 1)
    distances, nothing = (AnswerRules(each).to_bound(numbers) for each in (one, none))
    assert distances[:2] == pytest.approx([0.3, 0.4])
    assert np.isnan(distances[2:]).all() and np.isnan(nothing).all()


def test_what_the_kernel_says_of_its_clock() -> None:
    kept = Timex(offset=-3, maxerror=2000, status=0x0001)
    fine = Timex(offset=-3, maxerror=2000, status=0x2001)

    assert read_timex(Timex(maxerror=16_000_000, status=0x0040)) is None
    for timex, offset in ((kept, -3000), (fine, -3)):
        state = read_timex(timex)
        assert state is not None and (state.offset, state.error) == (offset, 2_000_000)


def test_a_spool_of_the_version_before_is_read(tmp_path: Path) -> None:
    def frame(value: object) -> bytes:
        payload = msgspec.msgpack.encode(value)
        return FRAME.pack(len(payload), zlib.crc32(payload)) + payload

    header = [1, "prod", "credit", "r1", DIGEST, "one", ["age"], START, 0, "http"]
    record = ["a" * 32, 0, START, 5, 3, 200, 1, b"\0" * 4, b"\0" * 4, None, "me", "", "", b"",
              "infer", False]  # fmt: skip
    path = tmp_path / "old.spool"
    path.write_bytes(frame(header) + frame([record]))

    (first, found), _ = read(path)
    assert isinstance(first, SpoolHeader) and first.clock_error is None
    assert isinstance(found, list) and (found[0].context, found[0].canary) == (None, False)
    path.write_bytes(frame([4, *header[1:]]))
    with pytest.raises(InvalidInput, match="has version 4"):
        read(path)


def _as_version(home: Home, version: bytes) -> None:
    """Makes the one segment what another version would have written, signed by the log's key."""
    (path,) = checkpoints(home.predictions)
    table = pq.read_table(table_of(path))
    names = SCHEMA.names[: SCHEMA.names.index("reasons") + 1]
    metadata = {**(table.schema.metadata or {}), VERSION: version}
    pq.write_table(table.select(names).replace_schema_metadata(metadata), table_of(path))
    signer = PemSigner.load(home.log_key)
    checkpoint = parse_checkpoint(path.read_bytes(), signer.public_key())
    digest = Digest.of(table_of(path).read_bytes()).text
    path.write_bytes(render_checkpoint(replace(checkpoint, content=digest), signer))


def test_segments_of_the_version_before_are_read_and_of_one_to_come_refused(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    one = answer(0, draw(1, 1), subjects=["client"])
    _sealed(home, [one], _header())
    _as_version(home, b"2")

    (record,) = records(home)
    assert (record["process"], record["cutoff_distance"], record["traffic_role"]) == (None,) * 3
    found = find_prediction(home, one.prediction_id)
    assert found.inputs is not None and found.references == {}
    assert check_log(home).holds and check_log(home).replicas[0].clock_error_ms is None

    _as_version(home, b"9")
    assert "has version 9" in check_log(home).breaks[0]
    with pytest.raises(InvalidInput, match="has version 9"):
        find_prediction(home, one.prediction_id)


def test_a_release_that_cannot_be_opened_leaves_its_parts_unknown(tmp_path: Path) -> None:
    assert Facts(CONTRACT, FACTS.profile).parts.model == ""
    home = Home(tmp_path)
    _sealed(home, [answer(0, draw(1, 1))], _header())

    (record,) = records(home)
    assert record["model_digest"] is None and record["release_digest"] == DIGEST
