"""Every environment variable that goldenpath reads, and the environments of its child processes.

The names of our own variables stand here, so that docs/settings.md can be complete. The name of the
home is in `goldenpath.home`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from goldenpath.errors import InvalidInput
from goldenpath.no_telemetry import NO_TELEMETRY

KEY_VARIABLE = "GOLDENPATH_SIGNING_KEY"
"""The key that signs releases: a PEM file or its content; else `keys/release.pem` in the home."""

IDENTITY_VARIABLE = "GOLDENPATH_IDENTITY"
"""Name of the acting person as listed in `platform.toml`; else `git config user.name`."""

GITOPS_VARIABLE = "GOLDENPATH_GITOPS"
"""Address of the gitops repository; else the bare repository in the home."""

TRUST_VARIABLE = "GOLDENPATH_TRUST"
"""First commit of the gitops repository. A new machine trusts the repository by it."""

STAMP_URL_VARIABLE = "GOLDENPATH_TIMESTAMP_URL"
"""Address of a time-stamping authority (RFC 3161) for heads of the logs; else they have none."""

STAMP_CERTIFICATE_VARIABLE = "GOLDENPATH_TIMESTAMP_CERTIFICATE"
"""PEM file of the authority's certificate, and of those that signed it; else no stamp counts."""

PASSPHRASE_VARIABLE = "GOLDENPATH_KEY_PASSPHRASE"
"""Passphrase of an encrypted signing key."""

COMMAND_VARIABLE = "GOLDENPATH_SIGNING_COMMAND"
"""A command that signs with a KMS or HSM; then `GOLDENPATH_SIGNING_KEY` is its public key."""

CHANGE_VARIABLE = "GOLDENPATH_CHANGE_COMMAND"
"""A command that checks the ID of a change; it gets ID, stage and release as arguments."""

BUILDER_VARIABLE = "GOLDENPATH_BUILDER"
"""`builder.id` of the provenance, as a policy names it; else that of a local machine."""

JOB_TOKEN_VARIABLE = "GOLDENPATH_JOB_TOKEN_FILE"
"""A file with the OIDC token of a CI job; its identity then stands in the provenance."""

JOB_ISSUER_VARIABLE = "GOLDENPATH_JOB_ISSUER"
"""The issuer that this token has to be from; its keys are fetched there."""

JOB_AUDIENCE_VARIABLE = "GOLDENPATH_JOB_AUDIENCE"
"""The audience that this token has to be for; `goldenpath` by default."""

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
"""Address of an MLflow server; else a SQLite database in the home."""

OTLP_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""Address of an OTLP/HTTP receiver; else telemetry stays on disk in the home."""

BINS_VARIABLE = "GOLDENPATH_METRIC_BINS"
"""`off` leaves the bins of features out of the metrics; they are most of the series."""

FORGE_TOKEN_VARIABLE = "GOLDENPATH_FORGE_TOKEN"
"""Token to open and read pull requests, where `platform.toml` names a forge."""

FORGE_TOKEN_FILE_VARIABLE = "GOLDENPATH_FORGE_TOKEN_FILE"
"""A file that holds that token, instead of the variable."""

PROMETHEUS_VARIABLE = "GOLDENPATH_PROMETHEUS"
"""Address of the Prometheus server whose counts `goldenpath judge` reads."""

PROMETHEUS_TOKEN_VARIABLE = "GOLDENPATH_PROMETHEUS_TOKEN_FILE"
"""A file with the bearer token for that Prometheus server."""

PREDICTIONS_VARIABLE = "GOLDENPATH_PREDICTIONS"
"""The prediction log that `goldenpath judge` and `log anchor` read: a folder or a URL."""

LOG_KEYS_VARIABLE = "GOLDENPATH_LOG_KEYS"
"""PEM file of the public keys that verify that log; else `keys/log.pub` in the home."""

SUBJECT_KEYS_VARIABLE = "GOLDENPATH_SUBJECT_KEYS"
"""Folders, separated by colons. Their `subjects.db` decrypt the inputs in that log for slices."""

CA_VARIABLE = "GOLDENPATH_CA_FILE"
"""PEM file of authorities to trust for registries, forges and our gateway; else the system's."""

MIRRORS_VARIABLE = "GOLDENPATH_MIRRORS"
"""Pairs `host=https://mirror`, separated by commas: content of a host is read there first."""

ADVISORIES_VARIABLE = "GOLDENPATH_ADVISORIES"
"""Advisories in the OSV format, a folder or a zip file; else vulnerabilities are not scanned."""

CERTIFICATE_VARIABLE = "GOLDENPATH_TLS_CERTIFICATE"
"""PEM file of the certificate for every listener of `goldenpath up`; else plain HTTP."""

PRIVATE_KEY_VARIABLE = "GOLDENPATH_TLS_KEY"
"""PEM file of that certificate's private key."""

CLIENT_CA_VARIABLE = "GOLDENPATH_TLS_CLIENT_CA"
"""PEM file of authorities; with it every client of a listener needs a certificate by one."""

ACCESS_VARIABLE = "GOLDENPATH_ACCESS_FILE"
"""File of the tokens and issuers that may call models and read metrics; else everybody may
who can reach a listener."""

ALARM_SECRETS_VARIABLE = "GOLDENPATH_ALARM_SECRETS"
"""Folder with a file for each alarm channel's secret; else `keys/alarms` in the home."""

TOKEN_VARIABLE = "GOLDENPATH_TOKEN"
"""The bearer token that `goldenpath send` presents."""

EVIDENCE_VARIABLE = "GOLDENPATH_EVIDENCE_SECONDS"
"""Seconds that `goldenpath up` waits for evidence that a commit names; 30 by default."""

SHARING_VARIABLE = "GOLDENPATH_RELEASES_PER_PROCESS"
"""Small graphs that may share one server process under `goldenpath up`; else 1: none do."""
MOST_PER_PROCESS = 500

CONSOLE_ADDRESS = "127.0.0.1:8700"
"""Where the console is unless somebody chose another address."""

DEBUG_VARIABLE = "GOLDENPATH_DEBUG"
"""If set, a bug in goldenpath shows its traceback instead of one sentence."""


def registry_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files in docker's format that may hold credentials, the most specific first."""
    home = Path(environment.get("HOME") or "/")
    named = environment.get("REGISTRY_AUTH_FILE")
    runtime = environment.get("XDG_RUNTIME_DIR")
    docker = environment.get("DOCKER_CONFIG")
    files = [Path(named)] if named else []
    files.append((Path(docker) if docker else home / ".docker") / "config.json")
    files += [Path(runtime) / "containers" / "auth.json"] if runtime else []
    return tuple(files)


def helper_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program of the user, such as a credential helper.

    It needs HOME, its cloud's variables, proxies and D-Bus, so it gets everything but ours: keys
    and passphrases of goldenpath stand in variables that begin with `GOLDENPATH_`.
    """
    return {
        name: value for name, value in environment.items() if not name.startswith("GOLDENPATH_")
    }


def evidence_timeout(environment: Mapping[str, str]) -> timedelta:
    """Return how long to wait for evidence that a commit names. Raises `InvalidInput`."""
    text = environment.get(EVIDENCE_VARIABLE) or "30"
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise InvalidInput(f"{EVIDENCE_VARIABLE} is {text!r}, expected seconds from 0 to 3600")
    return timedelta(seconds=seconds)


def releases_per_process(environment: Mapping[str, str]) -> int:
    """Return how many releases may share a process. Raises `InvalidInput`."""
    text = environment.get(SHARING_VARIABLE) or "1"
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_PER_PROCESS):
        raise InvalidInput(
            f"{SHARING_VARIABLE} is {text!r}, expected a number from 1 to {MOST_PER_PROCESS}"
        )
    return int(text)


def has_metric_bins(environment: Mapping[str, str]) -> bool:
    """Return whether bins of features are series of the metrics. Raises `InvalidInput`."""
    text = environment.get(BINS_VARIABLE) or "on"
    if text not in ("on", "off"):
        raise InvalidInput(f"{BINS_VARIABLE} is {text!r}, expected on or off")
    return text == "on"


def mirrors(environment: Mapping[str, str], host: str) -> tuple[str, ...]:
    """Return the addresses of a registry's mirrors, in the order in which they are tried."""
    pairs = (pair.partition("=") for pair in environment.get(MIRRORS_VARIABLE, "").split(","))
    return tuple(url.strip().rstrip("/") for name, _, url in pairs if url and name.strip() == host)


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Endpoint and region for `s3://`; where one is None, the AWS client finds its own."""

    endpoint: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "ObjectStore":
        """Read the variables that every S3 client reads."""
        endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        return cls(endpoint or None, region or None)


@dataclass(frozen=True, slots=True)
class Tracking:
    """Address and credentials of MLflow, from the variables that MLflow itself reads."""

    uri: str
    """Empty means the database in the home."""
    user: str = ""
    password: str = ""
    token: str = ""
    ca_file: Path | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Tracking":
        """Read the environment."""
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
    """Return the variables that git may see: paths of programs, agents, proxies and keys."""
    return {name: environment[name] for name in _FOR_TOOLS if name in environment}


_PROXIES = tuple(
    name for each in ("http_proxy", "https_proxy", "no_proxy") for name in (each, each.upper())
)


def proxy_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name proxies."""
    return {name: environment[name] for name in _PROXIES if name in environment}


_MISLEADING = frozenset(
    {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
)
"""Variables that would make uv or git work on another project than the one in their folder."""


def project_environment(environment: Mapping[str, str], python: str) -> dict[str, str]:
    """Return the environment for uv and git: the user's, with `python` as the interpreter."""
    kept = {name: value for name, value in environment.items() if name not in _MISLEADING}
    return {**kept, "UV_PYTHON": python, "UV_PYTHON_DOWNLOADS": "never"}


_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_CREDENTIALS = ("UV_CONFIG_FILE", "NETRC", "SSL_CLIENT_CERT")
_FOR_BUILDS = ("PATH", "UV_PYTHON", "UV_PYTHON_DOWNLOADS", "UV_OFFLINE", *_AUTHORITIES)
_MAYBE_SECRET = (
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "HTTPS_PROXY",
    "https_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip


def authority_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files of public authorities that the environment names."""
    named = (environment.get(name, "") for name in _AUTHORITIES)
    return tuple(dict.fromkeys(Path(path) for path in named if path.startswith("/")))


def uv_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder of uv's cache. A project cannot choose another one."""
    home = Path(environment.get("HOME") or "/")
    named = environment.get("UV_CACHE_DIR")
    caches = environment.get("XDG_CACHE_HOME")
    return Path(named) if named else (Path(caches) if caches else home / ".cache") / "uv"


def uv_credentials(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files in which uv finds its configuration and the passwords of indexes."""
    home = Path(environment.get("HOME") or "/")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    named = tuple(Path(environment[name]) for name in _CREDENTIALS if environment.get(name))
    usual = (config / "uv", data / "uv" / "credentials", home / ".netrc", Path("/etc/uv"))
    return (*usual, *named, *authority_files(environment))


def uv_environment(environment: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Return the environment of a uv that may start foreign code: no password in it."""
    kept = {name: environment[name] for name in _FOR_BUILDS if name in environment}
    kept |= {
        name: environment[name]
        for name in _MAYBE_SECRET
        if name in environment and "@" not in environment[name]
    }
    return {
        **kept,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "UV_CACHE_DIR": str(scratch / "cache"),
        "LC_ALL": TRAINING_LOCALE,
        "PYTHONNOUSERSITE": "1",
    }


TRAINING_LOCALE = "C.UTF-8"
_FOR_TRAINING = (
    "PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip


def training_environment(
    environment: Mapping[str, str], work: Path, threads: int
) -> dict[str, str]:
    """Return the environment of a training: no token, no real home, and fixed settings.

    The fixed locale, time zone, hash seed and thread count make a training repeatable.
    """
    kept = {name: environment[name] for name in _FOR_TRAINING if name in environment}
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        **kept,
        **NO_TELEMETRY,
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
    """Return the variables that make MLflow write plain files, which we read without MLflow."""
    return {"MLFLOW_TRACKING_URI": store.as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}


def content_environment(scratch: Path) -> dict[str, str]:
    """Return the environment of a model that is code: one thread, and `scratch` for its files."""
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        **NO_TELEMETRY,
        **dict.fromkeys(limits, "1"),
        "PATH": "/usr/bin:/bin",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LC_ALL": TRAINING_LOCALE,
        "TZ": "UTC",
    }
