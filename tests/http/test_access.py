"""Who is let in, who is not, and what is written down of it."""

import http.server
import json
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.http import jwt
from goldenpath.http.access import AskedModel, Denied, load_access, parse_access
from goldenpath.http.jwks import KeySet
from tests.serve.running import INFER, ROW, question, records, run, running
from tests.serve.tokens import AUDIENCE, ISSUER, Provider, access_file, encode, nest

PROVIDER = Provider()


def _silent(message: str) -> None:
    raise AssertionError(message)


def test_a_static_token_opens_what_its_scopes_say(tmp_path: Path) -> None:
    access = load_access(access_file(tmp_path, batch=["infer"], prom=["metrics"]), _silent)

    assert access.admit(b"Bearer batch", "infer", 0) == "batch"
    assert access.admit(b"bearer prom", "metrics", 0) == "prom"
    assert access.admit(b"Bearer prom", "infer", 0) == Denied(
        403, "the token lacks the scope infer"
    )
    for header in (b"", b"Basic batch", b"Bearer ", b"Bearer other", b"Bearer " + b"x" * 9000):
        denied = access.admit(header, "infer", 0)
        assert isinstance(denied, Denied)
        assert denied.status == 401


def limited(folder: Path, models: object) -> Path:
    """A rules file in which the token `batch` names these models."""
    path = access_file(folder, batch=["infer", "metrics"])
    rules = json.loads(path.read_text())
    rules["tokens"][0]["models"] = models
    path.write_text(json.dumps(rules))
    return path


@pytest.mark.parametrize(
    ("models", "opens"),
    [
        (None, {"dev/credit-a", "prod/credit-a", "prod/fraud", "prod/credit"}),
        (["credit-*"], {"dev/credit-a", "prod/credit-a"}),
        (["prod/credit-*", "fraud"], {"prod/credit-a", "prod/fraud"}),
        (["*"], {"dev/credit-a", "prod/credit-a", "prod/fraud", "prod/credit"}),
        (["credit"], {"prod/credit"}),
        ([], set()),
    ],
)
def test_a_token_names_the_models_that_it_may_ask(
    tmp_path: Path, models: list[str] | None, opens: set[str]
) -> None:
    static = load_access(limited(tmp_path, models), _silent)
    provider = load_access(access_file(tmp_path, PROVIDER), _silent)
    claim = b"Bearer " + PROVIDER.token(models=models)
    for name in ("dev/credit-a", "prod/credit-a", "prod/fraud", "prod/credit"):
        asked = AskedModel(*name.split("/"))
        for access, header in ((static, b"Bearer batch"), (provider, claim)):
            answer = access.admit(header, "infer", 100, asked)
            assert isinstance(answer, str) == (name in opens)
            assert isinstance(answer, str) or answer.status == 403


def test_a_limited_token_does_not_read_what_is_about_all_models(tmp_path: Path) -> None:
    access = load_access(limited(tmp_path, ["credit-*"]), _silent)

    denied = access.admit(b"Bearer batch", "metrics", 0)

    assert isinstance(denied, Denied)
    assert denied.status == 403


@pytest.mark.parametrize("models", ["credit-*", [1], ["a/b/c"], ["CREDIT"], [""], {"a": 1}])
def test_models_in_another_form_are_refused(tmp_path: Path, models: object) -> None:
    with pytest.raises(InvalidInput, match="models"):
        load_access(limited(tmp_path, models), _silent)


@pytest.mark.parametrize("kid", ["r", "e"])
def test_a_token_of_a_provider_opens_until_it_ends(tmp_path: Path, kid: str) -> None:
    access = load_access(access_file(tmp_path, PROVIDER), _silent)
    header = b"Bearer " + PROVIDER.token(kid)

    assert access.admit(header, "infer", 100) == "scoring-batch"
    assert access.admit(header, "infer", 7229) == "scoring-batch"
    assert isinstance(access.admit(header, "read", 100), Denied)
    assert access.admit(header, "infer", 7231) == Denied(
        401, "the token has expired or is not valid yet"
    )


def _altered(token: bytes) -> bytes:
    head, _, signature = token.split(b".")
    claims = encode(b'{"iss":"https://login.test","aud":"goldenpath","sub":"root","exp":9e9}')
    return b".".join((head, claims.encode(), signature))


CHEATS = {
    "another issuer": PROVIDER.token(iss="https://evil.test"),
    "another audience": PROVIDER.token(aud="shop"),
    "no audience": PROVIDER.token(aud=""),
    "expired": PROVIDER.token(exp=1),
    "not yet": PROVIDER.token(nbf=7000),
    "no expiry": PROVIDER.token(exp=None),
    "altered": _altered(PROVIDER.token()),
    "no signature": PROVIDER.token().rpartition(b".")[0] + b".",
    "no algorithm": PROVIDER.token(header={"alg": "none", "kid": "r"}),
    "hmac with the public key": PROVIDER.token(header={"alg": "HS256", "kid": "r"}),
    "the other kind of key": PROVIDER.token(header={"alg": "ES256", "kid": "r"}),
    "an unknown key": PROVIDER.token(header={"alg": "RS256", "kid": "x"}),
    "a kind that is not known": PROVIDER.token(header={"alg": "EdDSA", "kid": "o"}),
    "critical": PROVIDER.token(header={"alg": "RS256", "kid": "r", "crit": ["b64"]}),
    "a stranger's key": Provider().token(),
    "too many parts": PROVIDER.token() + b".x",
    "no token": b"...",
    "not ascii": b"\xff.\xff.\xff",
    "a nest as its head": encode(b"[" * 5000).encode() + b".e30.AA",
    "a nest in its head": encode(b'{"a":' * 1100 + b"1" + b"}" * 1100).encode() + b".e30.AA",
    "a nest in its claims": PROVIDER.token(nest=nest(500)),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_token_that_does_not_hold_is_refused(tmp_path: Path, cheat: str) -> None:
    with pytest.raises(VerificationError):
        jwt.verify(
            CHEATS[cheat],
            jwt.parse_jwks(PROVIDER.jwks()),
            issuer=ISSUER,
            audience=AUDIENCE,
            now=100.0,
        )
    access = load_access(access_file(tmp_path, PROVIDER), _silent)
    assert isinstance(access.admit(b"Bearer " + CHEATS[cheat], "infer", 100), Denied)


def test_a_private_key_among_the_keys_is_taken_as_its_public_half() -> None:
    (jwk, *_) = json.loads(PROVIDER.jwks())["keys"]
    content = json.dumps({"keys": [{**jwk, "d": "AQAB", "alg": "HS256"}]}).encode()

    keys = jwt.parse_jwks(content)

    assert isinstance(keys["r"].key, rsa.RSAPublicKey)
    assert keys["r"].algorithm_name == "RS256"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not valid JSON"),
        (b'{"keys": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"keys": [{"kty": 1}, {"n": ""}]}', "has 2 faults"),
        (b'{"keys": [{"kty": "RSA"}]}', "is damaged"),
        (b'{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}', "is damaged"),
        (b'{"keys": [%b]}' % b",".join([b'{"kty": "OKP"}'] * 65), "65 keys: expected at most 64"),
    ],
)
def test_a_set_of_keys_that_is_wrong_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        jwt.parse_jwks(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"version":2}',
        b'{"version":1,"tokens":[{"name":"a","sha256":"00","scopes":["infer"]}]}',
        b'{"version":1,"tokens":[{"name":"a","sha256":"zz","scopes":[]}]}',
        b'{"version":1,"tokens":[],"token":[]}',
        b'{"version":1,"tokens":[{"name":"a","sha256":"%b","scopes":["all"]}]}' % (b"0" * 64),
    ],
)
def test_rules_that_are_not_understood_open_nothing(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_access(content)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"access\.json"):
        load_access(tmp_path / "access.json", _silent)


def test_weak_keys_and_keys_by_plain_http_are_refused() -> None:
    weak = b'{"keys":[{"kty":"RSA","kid":"w","n":"%b","e":"AQAB"}]}' % (b"_" * 170)
    with pytest.raises(InvalidInput, match="bits"):
        jwt.parse_jwks(weak)
    with pytest.raises(InvalidInput, match="https only"):
        KeySet("http://login.test/jwks", _silent)


def test_keys_are_fetched_and_those_that_are_known_outlive_their_provider() -> None:
    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("location", "/jwks")
            self.end_headers()
            self.wfile.write(PROVIDER.jwks())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    said: list[str] = []
    times = [0.0]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        keys = KeySet(f"{address}/jwks", said.append, clock=lambda: times[-1])
        moved = KeySet(f"{address}/moved", said.append)
        server.shutdown()
        thread.join()
    assert set(keys.keys_for("r")) == {"r", "e"}
    assert not moved.keys_for("r")
    assert [message.partition(" cannot ")[0] for message in said] == [
        f"the keys of {address}/moved"
    ]
    times.append(1000.0)
    assert set(keys.keys_for("unknown")) == {"r", "e"}


def test_the_caller_is_recorded_and_strangers_are_turned_away(tmp_path: Path) -> None:
    access = load_access(access_file(tmp_path, batch=["infer"], eyes=["read"]), _silent)

    async def main() -> None:
        async with running(tmp_path, access=access) as server:
            body = question(ROW)
            assert (await server.ask("/v2/health/ready")).status == 200
            stranger = await server.ask(INFER, body)
            assert (stranger.status, stranger.headers["www-authenticate"]) == (401, "Bearer")
            assert (await server.ask("/openapi.json")).status == 401
            assert (await server.ask("/openapi.json", authorization="Bearer eyes")).status == 200
            assert (await server.ask(INFER, body, authorization="Bearer eyes")).status == 403
            assert (await server.ask(INFER, body, authorization="Bearer batch")).status == 200

    run(main)
    (record,) = records(tmp_path / "spool")
    assert record.caller == "batch"
