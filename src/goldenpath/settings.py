"""Every environment variable, and the layout of the folder `.goldenpath`.

The environment is read here and nowhere else, and handed on as values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from goldenpath.errors import InvalidInput

KEY_VARIABLE = "GOLDENPATH_SIGNING_KEY"
"""The key that signs releases, a PEM file or its content; `keys/release.pem` in the home
otherwise."""

IDENTITY_VARIABLE = "GOLDENPATH_IDENTITY"
"""Name of the person who acts, as `platform.toml` lists them; `git config user.name` otherwise."""

GITOPS_VARIABLE = "GOLDENPATH_GITOPS"
"""Address of the gitops repository; the bare repository in the home otherwise."""

TRUST_VARIABLE = "GOLDENPATH_TRUST"
"""First commit of the gitops repository, by which a machine that was never set up knows it."""

PASSPHRASE_VARIABLE = "GOLDENPATH_KEY_PASSPHRASE"
"""Passphrase of an encrypted signing key."""

COMMAND_VARIABLE = "GOLDENPATH_SIGNING_COMMAND"
"""A command that signs for a KMS or an HSM; `GOLDENPATH_SIGNING_KEY` is its public key then."""

BUILDER_VARIABLE = "GOLDENPATH_BUILDER"
"""`builder.id` of the provenance, as a policy names it; that of one's own machine otherwise."""

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
"""An MLflow server; SQLite in the home otherwise."""

OTLP_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""An OTLP/HTTP receiver; telemetry stays on disk in the home otherwise."""

FORGE_TOKEN_VARIABLE = "GOLDENPATH_FORGE_TOKEN"
"""Token with which pull requests are opened and read, where `platform.toml` names a forge."""

FORGE_TOKEN_FILE_VARIABLE = "GOLDENPATH_FORGE_TOKEN_FILE"
"""A file with that token in it, instead."""

PROMETHEUS_VARIABLE = "GOLDENPATH_PROMETHEUS"
"""Address of the Prometheus by whose counts `goldenpath judge` decides."""

PROMETHEUS_TOKEN_VARIABLE = "GOLDENPATH_PROMETHEUS_TOKEN_FILE"
"""A file with the bearer token that Prometheus asks for."""

PREDICTIONS_VARIABLE = "GOLDENPATH_PREDICTIONS"
"""Where the prediction log lies by which `goldenpath judge` decides, a folder or a URL."""

LOG_KEYS_VARIABLE = "GOLDENPATH_LOG_KEYS"
"""PEM file of the public keys that sign that log; `keys/log.pub` in the home otherwise."""

SUBJECT_KEYS_VARIABLE = "GOLDENPATH_SUBJECT_KEYS"
"""Folders, parted by colons, whose `subjects.db` open the inputs in that log for slices."""

CA_VARIABLE = "GOLDENPATH_CA_FILE"
"""PEM file of the authorities that registries and forges are trusted by; the system's otherwise."""

MIRRORS_VARIABLE = "GOLDENPATH_MIRRORS"
"""`host=https://mirror` pairs, parted by commas: where content of a registry is read first."""

ADVISORIES_VARIABLE = "GOLDENPATH_ADVISORIES"
"""A folder of advisories in the OSV format; vulnerabilities are not scanned otherwise."""

CERTIFICATE_VARIABLE = "GOLDENPATH_TLS_CERTIFICATE"
"""PEM file of what `goldenpath up` presents at each of its doors; plain text otherwise."""

PRIVATE_KEY_VARIABLE = "GOLDENPATH_TLS_KEY"
"""PEM file of the key of that certificate."""

CLIENT_CA_VARIABLE = "GOLDENPATH_TLS_CLIENT_CA"
"""PEM file of authorities; with it every client of a door needs a certificate of theirs."""

ACCESS_VARIABLE = "GOLDENPATH_ACCESS_FILE"
"""Who may ask the models and read metrics: tokens and issuers; who reaches a door otherwise."""

TOKEN_VARIABLE = "GOLDENPATH_TOKEN"
"""The bearer token that `goldenpath send` shows."""

EVIDENCE_VARIABLE = "GOLDENPATH_EVIDENCE_SECONDS"
"""Seconds for which `goldenpath up` waits for evidence that a commit names; 30 otherwise."""

DEBUG_VARIABLE = "GOLDENPATH_DEBUG"
"""If set, a fault of goldenpath itself shows its traceback instead of one sentence."""


def registry_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Files in docker's format that may hold credentials, the most particular first."""
    home = Path(environment.get("HOME") or "/")
    named = environment.get("REGISTRY_AUTH_FILE")
    runtime = environment.get("XDG_RUNTIME_DIR")
    docker = environment.get("DOCKER_CONFIG")
    found = [Path(named)] if named else []
    found.append((Path(docker) if docker else home / ".docker") / "config.json")
    found += [Path(runtime) / "containers" / "auth.json"] if runtime else []
    return tuple(found)


def evidence_patience(environment: Mapping[str, str]) -> timedelta:
    """How long evidence that a commit names may still arrive. Raises `InvalidInput`."""
    text = environment.get(EVIDENCE_VARIABLE) or "30"
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise InvalidInput(f"{EVIDENCE_VARIABLE} is {text!r}, expected seconds from 0 to 3600")
    return timedelta(seconds=seconds)


def mirrors(environment: Mapping[str, str], host: str) -> tuple[str, ...]:
    """Addresses of the mirrors of a registry, in the order in which they are tried."""
    pairs = (pair.partition("=") for pair in environment.get(MIRRORS_VARIABLE, "").split(","))
    return tuple(url.strip().rstrip("/") for name, _, url in pairs if url and name.strip() == host)


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Where `s3://` leads; both None mean what the AWS client finds by itself."""

    endpoint: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "ObjectStore":
        """From the variables that every S3 client reads."""
        endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        return cls(endpoint or None, region or None)


@dataclass(frozen=True, slots=True)
class Tracking:
    """The MLflow of a platform, and what is shown to it: the variables that MLflow itself reads."""

    uri: str
    """Empty: the database in the home."""
    user: str = ""
    password: str = ""
    token: str = ""
    ca_file: Path | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Tracking":
        """From the environment."""
        authorities = environment.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
        return cls(
            environment.get(TRACKING_VARIABLE, ""),
            environment.get("MLFLOW_TRACKING_USERNAME", ""),
            environment.get("MLFLOW_TRACKING_PASSWORD", ""),
            environment.get("MLFLOW_TRACKING_TOKEN", ""),
            Path(authorities) if authorities else None,
        )


_FOR_TOOLS = (
    "PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "GIT_ASKPASS", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO",
    "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip


def tool_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What git may see of the environment: where programs, agents, proxies and keys are."""
    return {name: environment[name] for name in _FOR_TOOLS if name in environment}


_MISLEADING = frozenset(
    {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
)
"""Variables that would send uv or git to another project than the one in their folder."""


def project_environment(environment: Mapping[str, str], python: str) -> dict[str, str]:
    """The environment in which uv and git run: that of the user, with `python` as interpreter."""
    kept = {name: value for name, value in environment.items() if name not in _MISLEADING}
    return {**kept, "UV_PYTHON": python, "UV_PYTHON_DOWNLOADS": "never"}


TRAINING_LOCALE = "C.UTF-8"
_FOR_TRAINING = (
    "PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip


def training_environment(
    environment: Mapping[str, str], work: Path, threads: int
) -> dict[str, str]:
    """What a training may see: no token, no home of anybody, and what makes it repeatable."""
    kept = {name: environment[name] for name in _FOR_TRAINING if name in environment}
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        **kept,
        **dict.fromkeys(limits, str(threads)),
        "HOME": str(work / "home"),
        "TMPDIR": str(work / "temporary"),
        "LC_ALL": TRAINING_LOCALE,
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPYCACHEPREFIX": str(work / "bytecode"),
    }


def mlflow_environment(store: Path) -> dict[str, str]:
    """Lets MLflow in a training write plain files that can be read without it."""
    return {"MLFLOW_TRACKING_URI": store.as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}


def content_environment(scratch: Path) -> dict[str, str]:
    """What a model that is code may see: nothing of ours, one thread, a place for its files."""
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        **dict.fromkeys(limits, "1"),
        "PATH": "/usr/bin:/bin",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LC_ALL": TRAINING_LOCALE,
        "TZ": "UTC",
    }
