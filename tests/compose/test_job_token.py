"""A build in CI: its OIDC token unlocks the key of a KMS, and says in the provenance who it is."""

import base64
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from goldenpath.compose.signing import job_identity, signer
from goldenpath.errors import (
    GoldenPathError,
    InvalidInput,
    NotFound,
    Unavailable,
    VerificationError,
)
from goldenpath.home import Home
from goldenpath.http.jwt import parse_jwks, verify_job
from goldenpath.promote.gates.admission_policy import (
    AdmissionPolicy,
    parse_admission,
    render_admission,
)
from goldenpath.promote.manifests.kustomize.image_policies import image_rules
from goldenpath.promote.platform.demands import Demands
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.attest.keys import key_from_pem, public_pem
from goldenpath.release.attest.launch_trust import policy_of, trust_of
from goldenpath.release.attest.policy import NO_JOB, JobIdentity, Policy
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.statement import EVIDENCE
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.training_statements import origin_of, statements
from tests.promote.example import platform
from tests.release.attest.releases import REPOSITORY, bench, new_signer
from tests.release.attest.runs import BUILDER, training_run
from tests.serve.tokens import AUDIENCE, Provider

PROVIDER = Provider()
NOW = datetime.now(UTC)
SUBJECT = "repo:bank/credit:ref:refs/heads/main"
WORKFLOW = "bank/pipelines/.github/workflows/release.yml@refs/tags/v3"
_CLIENT = """
import sys, urllib.request
token = open(sys.argv[2]).read()
asked = urllib.request.Request(sys.argv[1] + "/sign", data=sys.stdin.buffer.read(),
                               headers={"authorization": "Bearer " + token})
print(urllib.request.urlopen(asked, timeout=20).read().decode())
"""


class Forge:
    """An issuer of tokens on loopback, and a KMS that signs for the bearer of one that is valid."""

    def __init__(self) -> None:
        self.key = new_signer()
        self.address = ""
        self.other_name = ""
        self.signed = 0

    def token(self, **changes: object) -> bytes:
        claims: dict[str, object] = {
            "iss": self.address, "aud": AUDIENCE, "sub": SUBJECT, "exp": time.time() + 300,
            "repository": "bank/credit", "job_workflow_ref": WORKFLOW,
        }  # fmt: skip
        return PROVIDER.token("e", **{**claims, **changes})

    def answer(self, path: str, token: bytes, body: bytes) -> bytes | None:
        if path == "/.well-known/openid-configuration":
            said = {"issuer": self.other_name or self.address, "jwks_uri": f"{self.address}/keys"}
            return json.dumps(said).encode()
        if path == "/keys":
            return PROVIDER.jwks()
        try:
            keys = parse_jwks(PROVIDER.jwks())
            verify_job(token, keys, issuer=self.address, audience=AUDIENCE, now=time.time())
        except VerificationError:
            return None
        self.signed += 1
        return base64.b64encode(self.key.sign(body))


@contextmanager
def listening(forge: Forge) -> Iterator[Forge]:
    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            token = (self.headers.get("authorization") or "").removeprefix("Bearer ").encode()
            content = forge.answer(self.path, token, self.rfile.read(size))
            self.send_response(401 if content is None else 200)
            self.send_header("content-length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, form: str, *values: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    forge.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    with listening(Forge()) as made:
        (tmp_path / "token").write_bytes(made.token())
        (tmp_path / "key.pub").write_bytes(public_pem(made.key))
        (tmp_path / "kms.py").write_text(_CLIENT)
        command = f"{sys.executable} {tmp_path}/kms.py {made.address} {tmp_path}/token"
        monkeypatch.setenv("GOLDENPATH_SIGNING_COMMAND", command)
        monkeypatch.setenv("GOLDENPATH_SIGNING_KEY", str(tmp_path / "key.pub"))
        monkeypatch.setenv("GOLDENPATH_JOB_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("GOLDENPATH_JOB_ISSUER", made.address)
        yield made


def kms(folder: Path) -> Signer:
    return signer(Home(folder / "home"))


def test_a_release_of_a_job_is_signed_by_the_kms_and_says_which_job_it_was(
    forge: Forge, tmp_path: Path
) -> None:
    it, key, job = bench(), kms(tmp_path), job_identity(NOW)
    made = statements(training_run(), (it.image.digest,), builder=BUILDER, job=job)
    for each in made:
        attach(it.store, it.image, each, key, now=NOW)
    sign_image(it.store, it.image, REPOSITORY, key, now=NOW)
    policy = Policy((key_from_pem("kms", public_pem(forge.key)),), EVIDENCE)

    assert job == JobIdentity(forge.address, SUBJECT, "bank/credit", WORKFLOW)
    assert forge.signed > len(made), "each statement, and the release itself"
    for wanted, holds in (
        (NO_JOB, True),
        (job, True),
        (JobIdentity(forge.address, repository="bank/credit"), True),
        (replace(job, issuer="https://elsewhere.example"), False),
        (replace(job, subject=f"{SUBJECT}x"), False),
        (replace(job, repository="bank/fraud"), False),
        (replace(job, workflow=WORKFLOW.replace("v3", "v4")), False),
    ):
        demanded = replace(policy, job=wanted)
        # A server gets the policy with its launch.
        for given in (demanded, policy_of(trust_of(demanded))):
            verified = verify(it.store, it.image.digest, given, now=NOW)
            assert verified.holds == holds, wanted
    verified = verify(it.store, it.image.digest, policy, now=NOW)
    origin = origin_of(verified)
    assert origin is not None and origin.internal["job"] == job.record()


def test_a_release_that_names_no_job_does_not_hold_where_one_is_demanded() -> None:
    it = bench()
    for each in statements(training_run(), (it.image.digest,), builder=BUILDER):
        attach(it.store, it.image, each, it.signer, now=NOW)
    sign_image(it.store, it.image, REPOSITORY, it.signer, now=NOW)
    policy = Policy((key_from_pem("build", it.signer_pem),), EVIDENCE)
    demanded = replace(policy, job=JobIdentity("https://token.example"))

    assert verify(it.store, it.image.digest, policy, now=NOW).holds
    verified = verify(it.store, it.image.digest, demanded, now=NOW)
    assert not verified.holds
    told = [each.message for each in verified.findings]
    assert any("the issuer of its CI job is None" in message for message in told)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"exp": 100}, "has expired"),
        ({"nbf": time.time() + 9000}, "has expired or is not valid yet"),
        ({"aud": "somebody"}, "for another audience"),
        ({"iss": "https://elsewhere.example"}, "from another issuer"),
        ({"repository": 7}, "no token of a CI job"),
    ],
)
def test_a_token_that_is_not_for_us_now_starts_no_build_and_unlocks_no_key(
    forge: Forge, tmp_path: Path, changes: dict[str, object], error: str
) -> None:
    (tmp_path / "token").write_bytes(forge.token(**changes))

    with pytest.raises(VerificationError, match=error):
        job_identity(NOW)
    with pytest.raises(Unavailable, match="exited with 1"):
        kms(tmp_path).sign(b"message")
    assert forge.signed == 0


def test_a_token_by_another_key_counts_for_nothing(forge: Forge, tmp_path: Path) -> None:
    other = Provider().token("e", iss=forge.address, exp=time.time() + 300)
    (tmp_path / "token").write_bytes(other)

    with pytest.raises(VerificationError, match="the signature of the token does not hold"):
        job_identity(NOW)


def test_an_issuer_that_is_another_or_away_is_no_issuer(
    forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.other_name = "https://elsewhere.example"
    with pytest.raises(VerificationError, match="says that it is https://elsewhere"):
        job_identity(NOW)
    monkeypatch.setenv("GOLDENPATH_JOB_ISSUER", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be fetched"):
        job_identity(NOW)
    monkeypatch.setenv("GOLDENPATH_JOB_ISSUER", "http://login.example")
    with pytest.raises(InvalidInput, match="https only"):
        job_identity(NOW)


def test_half_of_the_settings_and_a_missing_file_are_named(
    forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases: list[tuple[str, str | None, type[GoldenPathError]]] = [
        ("GOLDENPATH_JOB_TOKEN_FILE", str(tmp_path / "none"), NotFound),
        ("GOLDENPATH_JOB_TOKEN_FILE", None, InvalidInput),
    ]
    for name, value, error in cases:
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
        with pytest.raises(error):
            job_identity(NOW)
    monkeypatch.delenv("GOLDENPATH_JOB_ISSUER")
    assert job_identity(NOW) == NO_JOB


def test_names_of_gitlab_are_read_too(forge: Forge, tmp_path: Path) -> None:
    where = "gitlab.example/bank/credit//.gitlab-ci.yml@refs/heads/main"
    token = forge.token(
        repository="", job_workflow_ref="", project_path="bank/credit", ci_config_ref_uri=where
    )
    (tmp_path / "token").write_bytes(token)

    found = job_identity(NOW)

    assert (found.repository, found.workflow) == ("bank/credit", where)


def test_the_demand_stands_in_a_policy_file_and_comes_back() -> None:
    job = JobIdentity("https://token.example", "", "bank/credit", WORKFLOW)
    key = key_from_pem("build", public_pem(new_signer()))
    admission = AdmissionPolicy(Policy((key,), EVIDENCE, job=job))

    text = render_admission(admission)

    assert b'job-workflow = "' in text and b"job-subject" not in text
    assert parse_admission(text, "policy.toml").policy.job == job
    without = text.replace(b'job-issuer = "https://token.example"\n', b"")
    with pytest.raises(InvalidInput, match="the issuer whose tokens name"):
        parse_admission(without, "policy.toml")


def test_an_engine_of_a_cluster_is_asked_for_each_part_of_it() -> None:
    job = JobIdentity("https://token.example", "", "bank/credit", WORKFLOW)
    rules = image_rules(replace(platform(), demands=Demands(job=job)), "prod")

    asked = {rule.name: rule.expression for rule in rules if rule.name.startswith("job-")}
    assert set(asked) == {"job-tokenIssuer", "job-tokenRepository", "job-tokenWorkflow"}
    assert "internalParameters.job.?tokenWorkflow" in asked["job-tokenWorkflow"]
    assert WORKFLOW in asked["job-tokenWorkflow"]
