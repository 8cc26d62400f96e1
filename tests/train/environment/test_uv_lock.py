"""A lock is refused unless every package comes from an allowed index, with a hash."""

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.train.environment.uv_lock import parse_lock, refuse_sources

INDEX = "https://index.bank.example/simple"
HASH = "sha256:" + "0" * 64


def _lock(source: str, digest: str = HASH) -> bytes:
    return f"""
version = 1
[[package]]
name = "model"
version = "0.1.0"
source = {{ editable = "." }}
[[package]]
name = "numpy"
version = "2.0.0"
source = {{ registry = "{INDEX}" }}
wheels = [{{ url = "https://files.bank.example/numpy-2.0.0-py3-none-any.whl", hash = "{HASH}" }}]
[[package]]
name = "scipy"
version = "1.0.0"
source = {{ {source} }}
wheels = [{{ url = "https://files.bank.example/scipy-1.0.0-py3-none-any.whl", hash = "{digest}" }}]
""".encode()


def test_one_index_is_allowed_by_default() -> None:
    packages = parse_lock(_lock(f'registry = "{INDEX}"'))

    refuse_sources(packages, ())
    refuse_sources(packages, (INDEX,))
    assert packages[2].files == {"scipy-1.0.0-py3-none-any.whl": HASH}


@pytest.mark.parametrize(
    "source",
    [
        'registry = "https://evil.example/simple"',
        'registry = "http://127.0.0.1:8000/simple"',
        'registry = "../wheels"',
        'git = "https://git.example/scipy?rev=1#0"',
        'url = "https://evil.example/scipy-1.0.0-py3-none-any.whl"',
        'path = "../scipy-1.0.0-py3-none-any.whl"',
        'directory = "../scipy"',
        'editable = "../scipy"',
    ],
)
@pytest.mark.parametrize("allowed", [(), (INDEX,)])
def test_any_other_source_is_refused(source: str, allowed: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"uv\.lock has sources that are not allowed"):
        refuse_sources(parse_lock(_lock(source)), allowed)


def test_an_index_without_tls_is_refused_even_if_it_is_allowed() -> None:
    plain = "http://index.bank.example/simple"

    with pytest.raises(InvalidInput, match="not HTTPS"):
        refuse_sources(parse_lock(_lock(f'registry = "{plain}"')), (INDEX, plain))


def test_a_file_without_a_hash_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without a SHA-256"):
        refuse_sources(parse_lock(_lock(f'registry = "{INDEX}"', digest="md5:0")), ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "is not UTF-8"),
        (b"x = ", "is not valid TOML"),
        (b"x = " + b"[" * 100_000, "is nested too deeply"),
        (b"x = 1", "package: expected a value, got nothing"),
        (b"package = [{name = 'a'}, {}]", "has 3 faults: package.0..source: expected a value"),
    ],
)
def test_a_malformed_lock_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^uv.lock {message}|^uv.lock .*{message}") as refused:
        parse_lock(content)
    assert refused.value.hint == "run uv lock to write it again"
