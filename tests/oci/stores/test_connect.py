"""Opening a registry with the settings of the environment."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.oci.reference import Reference
from goldenpath.oci.store import read
from goldenpath.oci.stores.connect import connect
from goldenpath.settings import mirrors, registry_files
from tests.oci.contract import put
from tests.oci.stores.fake_registry import fake_registry


def _authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for this machine that nobody else trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a company's own")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return folder / "ca.pem", context


def test_a_private_authority_is_trusted_if_it_is_named(tmp_path: Path) -> None:
    authority, context = _authority(tmp_path)
    with fake_registry(context) as registry:
        reference = Reference.parse(f"{registry.address}/ml/credit")
        store = connect("oci+https", reference, {"GOLDENPATH_CA_FILE": str(authority)})

        assert read(store, put(store, b"content"), 100) == b"content"
        with pytest.raises(VerificationError, match="no certificate that is trusted") as refused:
            connect("oci+https", reference, {}).tags()
        assert "GOLDENPATH_CA_FILE" in (refused.value.hint or "")
        other = Reference.parse(f"localhost:{registry.address.rpartition(':')[2]}/ml/credit")
        with pytest.raises(VerificationError) as misnamed:
            connect("oci+https", other, {"GOLDENPATH_CA_FILE": str(authority)}).tags()
        assert "a name that the certificate lists" in (misnamed.value.hint or "")


def test_a_registry_without_tls_is_named_as_such() -> None:
    with fake_registry() as registry:
        store = connect("oci+https", Reference.parse(f"{registry.address}/ml/credit"), {})

        with pytest.raises(Unavailable) as refused:
            store.tags()

    assert "oci+http://" in (refused.value.hint or "")


def test_a_missing_file_of_authorities_is_refused() -> None:
    with pytest.raises(InvalidInput, match="GOLDENPATH_CA_FILE"):
        connect("oci", Reference.parse("a.b/c"), {"GOLDENPATH_CA_FILE": "absent.pem"})


def test_a_mirror_of_the_environment_is_read_first() -> None:
    with fake_registry() as origin, fake_registry() as mirror:
        reference = Reference.parse(f"{origin.address}/ml/credit")
        for address in (origin.address, mirror.address):
            own = Reference.parse(f"{address}/ml/credit")
            descriptor = put(connect("oci", own, {}), b"content")
        origin.asked.clear()
        environment = {"GOLDENPATH_MIRRORS": f"{origin.address}=http://{mirror.address}/"}

        assert read(connect("oci", reference, environment), descriptor, 100) == b"content"
        assert origin.asked == []
        assert mirrors(environment, "another.host") == ()


def test_credentials_are_looked_for_where_docker_and_podman_keep_them() -> None:
    found = registry_files({"HOME": "h", "XDG_RUNTIME_DIR": "r", "REGISTRY_AUTH_FILE": "a"})

    assert [str(path) for path in found] == ["a", "h/.docker/config.json", "r/containers/auth.json"]
    assert str(registry_files({"DOCKER_CONFIG": "d"})[0]) == "d/config.json"
