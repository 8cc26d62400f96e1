"""etcd, API server, controllers and scheduler on loopback, and how clients reach them."""

import http.client
import secrets
import ssl
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
            *("--data-dir", str(folder / "etcd")),
            *("--listen-client-urls", f"http://{HOST}:{etcd}"),
            *("--advertise-client-urls", f"http://{HOST}:{etcd}"),
            *("--listen-peer-urls", f"http://{HOST}:{peer}"),
        ],
        lambda: answers(etcd),
    )
    plane = ControlPlane(free_port(), folder, programs, secrets.token_hex(24))
    _write_secrets(plane)
    daemons.start("kube-apiserver", _apiserver(plane, etcd), lambda: _is_healthy(plane))
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


def _write_secrets(plane: ControlPlane) -> None:
    """The administrator's token and the key that signs the tokens of service accounts."""
    tokens = plane.folder / "tokens.csv"
    tokens.touch(0o600)
    tokens.write_text(f"{plane.token},admin,admin,system:masters\n", "utf-8")
    key = plane.folder / "accounts.key"
    key.touch(0o600)
    made = run_tool(["openssl", "genrsa", "2048"])
    key.write_bytes(made.output)


def _apiserver(plane: ControlPlane, etcd: int) -> list[str]:
    key = plane.folder / "accounts.key"
    return [
        str(plane.programs / "kube-apiserver"),
        f"--etcd-servers=http://{HOST}:{etcd}",
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
    ]


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
  cluster: {{server: "https://{HOST}:{plane.port}", certificate-authority: "{plane.authority}"}}
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
