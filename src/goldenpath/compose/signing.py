"""The signing key of this machine: a file, or a command that asks a KMS or an HSM."""

import os
import shlex
from datetime import datetime
from pathlib import Path

from goldenpath.compose.gitops_access import trusted
from goldenpath.compose.stores import REGISTRIES
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.reference import Reference
from goldenpath.oci.store import Store, read
from goldenpath.release.attest.keys import CommandSigner, PemSigner, generate_key, key_from_pem
from goldenpath.release.attest.policy import NO_JOB, JobIdentity, TrustedKey
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.settings import (
    COMMAND_VARIABLE,
    JOB_AUDIENCE_VARIABLE,
    JOB_ISSUER_VARIABLE,
    JOB_TOKEN_VARIABLE,
    KEY_VARIABLE,
    PASSPHRASE_VARIABLE,
)

_MAX_PEM = 64 * 1024
_MAX_TOKEN = 16 * 1024


def signer(home: Home, file: Path | None = None) -> Signer:
    """Return the signing key: `file`, else that of the environment, else that of the home.

    With a signing command the file is its public key. Raises `NotFound` or `InvalidInput`.
    """
    named = os.environ.get(KEY_VARIABLE)
    command = os.environ.get(COMMAND_VARIABLE)
    if command is None or file is not None:
        if file is None and named and named.startswith("-----BEGIN"):
            return PemSigner.of(named.encode(), os.environ.get(PASSPHRASE_VARIABLE), KEY_VARIABLE)
        path = file or Path(named or home.build_key)
        return PemSigner.load(path, os.environ.get(PASSPHRASE_VARIABLE))
    try:
        arguments = tuple(shlex.split(command))
    except ValueError as error:
        raise InvalidInput(f"{COMMAND_VARIABLE} cannot be split into arguments: {error}") from error
    if not arguments or not named:
        raise InvalidInput(
            f"{COMMAND_VARIABLE} needs a command, and {KEY_VARIABLE} the file of its public key"
        )
    return CommandSigner(arguments, public_key("command", Path(named)).public_key)


def job_identity(at: datetime) -> JobIdentity:
    """Return who the CI job is that this process runs in, by its token; `NO_JOB` without one.

    Raises `VerificationError` for a token that is not valid now, not for us, or not by the issuer,
    `Unavailable` if the keys of the issuer cannot be had, and `InvalidInput` or `NotFound`.
    """
    file = os.environ.get(JOB_TOKEN_VARIABLE)
    issuer = os.environ.get(JOB_ISSUER_VARIABLE)
    if not file and not issuer:
        return NO_JOB
    if not file or not issuer:
        raise InvalidInput(
            f"the token of a job is set by halves: expected {JOB_TOKEN_VARIABLE} and "
            f"{JOB_ISSUER_VARIABLE}"
        )
    # PyJWT is slow to import, and most builds are no job of a forge.
    from goldenpath.http.jwks import keys_of_issuer
    from goldenpath.http.jwt import verify_job

    token = _token(Path(file))
    audience = os.environ.get(JOB_AUDIENCE_VARIABLE) or "goldenpath"
    claims = verify_job(
        token, keys_of_issuer(issuer), issuer=issuer, audience=audience, now=at.timestamp()
    )
    return JobIdentity(claims.iss, claims.sub, claims.project, claims.workflow)


def _token(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_TOKEN + 1)
    except OSError as error:
        raise NotFound(f"{JOB_TOKEN_VARIABLE} names {file}: {error.strerror}") from error
    if len(content) > _MAX_TOKEN:
        raise InvalidInput(f"{file} is no token: expected at most {_MAX_TOKEN} bytes")
    return content.strip()


def public_key(name: str, file: Path, *, make: bool = False) -> TrustedKey:
    """Return the public key of a PEM file; with `make`, create a pair (private as `.pem`)."""
    if make:
        generate_key(file.with_suffix(".pem"), os.environ.get(PASSPHRASE_VARIABLE))
        file = file.with_suffix(".pub")
    try:
        with file.open("rb") as opened:
            return key_from_pem(name, opened.read(_MAX_PEM))
    except FileNotFoundError as error:
        raise NotFound(f"public key {file} does not exist") from error


def docker_reference(reference: str, store: Store, image: Descriptor, home: Home) -> str:
    """Return the image reference of a release for signatures in cosign's older form.

    Empty for a layout on a machine without a platform.
    """
    scheme, _, rest = reference.partition("://")
    if scheme in REGISTRIES and rest:
        named = Reference.parse(rest)
        return f"{named.host}/{named.repository}"
    annotations = Manifest.parse(read(store, image, MAX_MANIFEST)).annotations
    title = annotations.get("org.opencontainers.image.title", "release")
    try:
        return f"{trusted(home).platform.registry_prefix}/{title}"
    except NotFound:
        return ""
