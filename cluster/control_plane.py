"""etcd, API server, controllers and scheduler on loopback, and how clients reach them."""

import http.client
import json
import secrets
import shutil
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cluster.addresses import HOST, answers, free_port
from cluster.daemons import Daemons
from goldenpath.processes.tool import run_tool

SERVICE_SUBNET = "10.199.0.0/16"
# It exists to be reached by nobody outside the cluster; kube-proxy alone gives it meaning.


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running API server."""

    port: int
    folder: Path
    programs: Path
    token: str
    etcd: int
    """The port of loopback at which etcd listens."""

    @property
    def store(self) -> Path:
        """Where etcd writes."""
        return self.folder / "etcd"

    @property
    def audit_log(self) -> Path:
        """Where the API server logs each change of a service or a route."""
        return self.folder / "audit.log"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's file."""
        return self.folder / "kubeconfig"

    @property
    def authority(self) -> Path:
        """The certificate by which the API server is known."""
        return self.folder / "certificates" / "apiserver.crt"

    def kubectl(self, *arguments: str, stdin: bytes = b"", seconds: float = 120.0) -> str:
        """The output of kubectl; raises `KubectlFailed` with what it said."""
        command = [str(self.programs / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        run = run_tool(command, stdin=stdin, seconds=seconds)
        if run.exit_code:
            raise KubectlFailed(f"kubectl {' '.join(arguments[:4])}: {run.complaint}")
        return run.text


class KubectlFailed(Exception):
    """The API server refused, or kubectl could not reach it."""


def start_control_plane(
    daemons: Daemons, folder: Path, *, programs: Path, debian: Path
) -> ControlPlane:
    """Start all four; ready means that the API server says so."""
    folder.mkdir(parents=True, exist_ok=True)
    etcd, peer = free_port(), free_port()
    daemons.start(
        "etcd",
        [
            str(debian / "usr/bin/etcd"),
            *("--data-dir", str(_etcd_folder(folder))),
            *("--listen-client-urls", f"http://{HOST}:{etcd}"),
            *("--advertise-client-urls", f"http://{HOST}:{etcd}"),
            *("--listen-peer-urls", f"http://{HOST}:{peer}"),
        ],
        lambda: answers(etcd),
    )
    plane = ControlPlane(free_port(), folder, programs, secrets.token_hex(24), etcd)
    _write_secrets(plane)
    command, environment = _apiserver(plane), {"GOGC": GARBAGE}
    daemons.start("kube-apiserver", command, lambda: _is_healthy(plane), environment)
    _write_kubeconfig(plane)
    files = [
        f"--{kind}kubeconfig={plane.kubeconfig}"
        for kind in ("", "authentication-", "authorization-")
    ]
    controllers = free_port()
    daemons.start(
        "kube-controller-manager",
        [
            str(programs / "kube-controller-manager"),
            *files,
            f"--service-account-private-key-file={folder / 'accounts.key'}",
            f"--root-ca-file={plane.authority}",
            "--leader-elect=false",
            f"--bind-address={HOST}",
            f"--secure-port={controllers}",
            *_ASKING,
            "--controllers=*,-node-ipam-controller,-cloud-node-lifecycle-controller,"
            "-service-lb-controller,-node-route-controller",
        ],
        lambda: answers(controllers),
    )
    scheduler = free_port()
    daemons.start(
        "kube-scheduler",
        [
            str(programs / "kube-scheduler"),
            *files,
            "--leader-elect=false",
            "--authentication-tolerate-lookup-failure=true",
            f"--bind-address={HOST}",
            f"--secure-port={scheduler}",
            *_ASKING,
        ],
        lambda: answers(scheduler),
    )
    return plane


_ASKING = ("--kube-api-qps=400", "--kube-api-burst=800")
"""By default the controllers ask 20 times a second, for the Deployments of all models together."""


GARBAGE = "400"
"""How much a Go program may allocate before it collects, in percent of what lives.

Memory is there; by default a fifth of the API server's and Argo CD's time goes into collecting.
"""


def _etcd_folder(folder: Path) -> Path:
    """Return where etcd writes: in memory where there is room, since it waits for each write."""
    place = folder / "etcd"
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ETCD_ROOM:
        place.symlink_to(tempfile.mkdtemp(prefix="goldenpath-etcd-", dir=_MEMORY))
    return place


def remove_memory(folder: Path) -> None:
    """Remove what etcd wrote in memory."""
    place = folder / "etcd"
    if place.is_symlink():
        shutil.rmtree(place.resolve(), ignore_errors=True)


_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of this user is made in it
_ETCD_ROOM = 4 * 1024**3


def _write_secrets(plane: ControlPlane) -> None:
    """The administrator's token and the key that signs the tokens of service accounts."""
    tokens = plane.folder / "tokens.csv"
    tokens.touch(0o600)
    tokens.write_text(f"{plane.token},admin,admin,system:masters\n", "utf-8")
    key = plane.folder / "accounts.key"
    key.touch(0o600)
    made = run_tool(["openssl", "genrsa", "2048"])
    key.write_bytes(made.output)


def _apiserver(plane: ControlPlane) -> list[str]:
    key = plane.folder / "accounts.key"
    return [
        str(plane.programs / "kube-apiserver"),
        f"--etcd-servers=http://{HOST}:{plane.etcd}",
        f"--bind-address={HOST}",
        f"--secure-port={plane.port}",
        f"--cert-dir={plane.authority.parent}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={plane.folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        f"--service-cluster-ip-range={SERVICE_SUBNET}",
        # Debian's etcd 3.4 lacks RequestWatchProgress, which the streaming lists need.
        "--feature-gates=WatchList=false",
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
        f"--audit-policy-file={_audit_policy(plane)}",
        f"--audit-log-path={plane.audit_log}",
    ]


def _audit_policy(plane: ControlPlane) -> Path:
    """Write what the API server logs: each change of a service or a route, and by whom."""
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {
                "level": "RequestResponse",
                "omitManagedFields": True,
                "verbs": ["create", "update", "patch", "delete"],
                "resources": [
                    {"group": "gateway.networking.k8s.io", "resources": ["httproutes"]},
                    {"group": "serving.kserve.io", "resources": ["inferenceservices"]},
                ],
            },
            {"level": "None"},
        ],
    }
    file = plane.folder / "audit.json"
    file.write_text(json.dumps(policy), "utf-8")
    return file


def _is_healthy(plane: ControlPlane) -> bool:
    if not plane.authority.is_file():
        return False
    context = ssl.create_default_context(cafile=str(plane.authority))
    connection = http.client.HTTPSConnection(HOST, plane.port, timeout=5, context=context)
    try:
        connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {plane.token}"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _write_kubeconfig(plane: ControlPlane) -> None:
    plane.kubeconfig.touch(0o600)
    plane.kubeconfig.write_text(
        f"""apiVersion: v1
kind: Config
clusters:
- name: walk
  cluster:
    server: "https://{HOST}:{plane.port}"
    certificate-authority: "{plane.authority}"
    # Nothing is gained by it on loopback, and the API server compresses each list for each client.
    disable-compression: true
users:
- name: admin
  user: {{token: "{plane.token}"}}
contexts:
- name: walk
  context: {{cluster: walk, user: admin}}
current-context: walk
""",
        "utf-8",
    )
