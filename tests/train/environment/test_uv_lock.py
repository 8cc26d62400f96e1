"""A lock is refused unless every package comes from an allowed index, with a hash."""

from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.train.environment.uv_lock import parse_lock, refuse_sources

INDEX = "https://index.bank.example/simple"
FILES = ("files.bank.example",)
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

    refuse_sources(packages, (), FILES)
    refuse_sources(packages, (INDEX,), FILES)
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
        refuse_sources(parse_lock(_lock(source)), allowed, FILES)


def _file(url: str) -> bytes:
    return f"""
version = 1
[[package]]
name = "numpy"
version = "2.0.0"
source = {{ registry = "{INDEX}" }}
wheels = [{{ url = "{url}", hash = "{HASH}" }}]
""".encode()


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://index.bank.example/packages/numpy-2.0.0-py3-none-any.whl", ()),
        ("https://INDEX.bank.example:443/numpy-2.0.0-py3-none-any.whl", ()),
        ("https://files.bank.example/numpy-2.0.0-py3-none-any.whl", FILES),
        ("https://files.bank.example:8443/numpy-2.0.0.whl", ("files.bank.example:8443",)),
    ],
)
def test_files_come_from_the_host_of_the_index_or_a_listed_one(
    url: str, hosts: tuple[str, ...]
) -> None:
    refuse_sources(parse_lock(_file(url)), (), hosts)
    refuse_sources(parse_lock(_file(url)), (INDEX,), hosts)


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/numpy-2.0.0-py3-none-any.whl",
        "https://evil.example/numpy-2.0.0-py3-none-any.whl",
        "http://index.bank.example/numpy-2.0.0-py3-none-any.whl",
        "https://index.bank.example.evil.example/numpy-2.0.0-py3-none-any.whl",
        "https://index.bank.example@evil.example/numpy-2.0.0-py3-none-any.whl",
        "https://user:password@index.bank.example/numpy-2.0.0-py3-none-any.whl",
        "https://index.bank.example:8443/numpy-2.0.0-py3-none-any.whl",
        "https://evilindex.bank.example/numpy-2.0.0-py3-none-any.whl",
        "https://bank.example/numpy-2.0.0-py3-none-any.whl",
        "ftp://index.bank.example/numpy-2.0.0-py3-none-any.whl",
        "file:///tmp/numpy-2.0.0-py3-none-any.whl",
        "//index.bank.example/numpy-2.0.0-py3-none-any.whl",
        "numpy-2.0.0-py3-none-any.whl",
        "https:///numpy-2.0.0-py3-none-any.whl",
        "https://[bad/numpy-2.0.0-py3-none-any.whl",
    ],
)
@pytest.mark.parametrize("allowed", [(), (INDEX,)])
def test_a_file_from_anywhere_else_is_refused(url: str, allowed: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"uv\.lock has sources that are not allowed"):
        refuse_sources(parse_lock(_file(url)), allowed, FILES)


def test_no_password_of_an_address_is_shown() -> None:
    source = 'registry = "https://user:geheim@evil.example/simple"'

    with pytest.raises(InvalidInput) as refused:
        refuse_sources(parse_lock(_lock(source)), (INDEX,), FILES)

    assert "evil.example" in refused.value.message
    assert "geheim" not in refused.value.message


def test_the_files_of_the_starter_s_lock_are_allowed_without_a_word(starter: Path) -> None:
    refuse_sources(parse_lock((starter / "uv.lock").read_bytes()), ())


def test_a_file_that_is_named_twice_is_refused() -> None:
    evil = "https://evil.example/numpy-2.0.0-py3-none-any.whl"
    good = "https://index.bank.example/numpy-2.0.0-py3-none-any.whl"
    both = f'wheels = [{{ url = "{evil}", hash = "{HASH}" }}, {{ url = "{good}"'

    with pytest.raises(InvalidInput, match="names a file of numpy twice"):
        parse_lock(_file(good).replace(f'wheels = [{{ url = "{good}"'.encode(), both.encode()))


def test_two_projects_in_one_lock_are_refused() -> None:
    second = b'[[package]]\nname = "other"\nsource = { editable = "." }\n'

    with pytest.raises(InvalidInput, match="several projects: model, other"):
        refuse_sources(parse_lock(_lock(f'registry = "{INDEX}"') + second), (), FILES)


def test_an_index_without_tls_is_refused_even_if_it_is_allowed() -> None:
    plain = "http://index.bank.example/simple"

    with pytest.raises(InvalidInput, match="not HTTPS"):
        refuse_sources(parse_lock(_lock(f'registry = "{plain}"')), (INDEX, plain), FILES)


def test_a_file_without_a_hash_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without a SHA-256"):
        refuse_sources(parse_lock(_lock(f'registry = "{INDEX}"', digest="md5:0")), (), FILES)


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
