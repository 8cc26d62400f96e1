"""Argo CD without its user interface: what reads git, and what applies it to the cluster."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cluster.addresses import HOST, answers, free_port
from cluster.control_plane import GARBAGE, ControlPlane
from cluster.daemons import Daemons
from cluster.go_build import module_folder
from cluster.objects import apply, apply_definitions, create_namespace, read_objects, yaml_files
from cluster.parts import program

NAMESPACE = "argocd"
_LOG = ("--loglevel", "warn", "--logformat", "text")


@dataclass(frozen=True, slots=True)
class _Setup:
    plane: ControlPlane
    folder: Path
    environment: dict[str, str]
    store: str
    repositories: int

    def program(self, name: str) -> str:
        """Return a link to the one program, which acts by the name under which it is started."""
        link = self.folder / name
        link.unlink(missing_ok=True)
        link.symlink_to((self.plane.programs / "argocd").resolve())
        return str(link)


def start_argocd(daemons: Daemons, plane: ControlPlane, folder: Path, *, debian: Path) -> None:
    """Install it, and start repository server, controllers and a Redis of their own."""
    _install(plane)
    redis, repositories = free_port(), free_port()
    command = [str(debian / "usr/bin/redis-server"), "--bind", HOST, "--port", str(redis)]
    libraries = ":".join(map(str, sorted((debian / "usr/lib").glob("*-linux-gnu"))))
    daemons.start(
        "redis",
        [*command, "--save", ""],
        lambda: answers(redis),
        {"LD_LIBRARY_PATH": libraries},
    )
    home = folder / "argocd"
    for name in (".kube", "tls", "ssh", "gpg", "temporary"):
        (home / name).mkdir(parents=True, exist_ok=True)
    configuration = home / ".kube" / "config"
    configuration.touch(0o600)
    configuration.write_bytes(plane.kubeconfig.read_bytes())
    environment = {
        "HOME": str(home),
        # It starts kustomize by its name.
        "PATH": f"{plane.programs}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(home / "temporary"),
        "KUBECONFIG": str(configuration),
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_TLS_DATA_PATH": str(home / "tls"),
        "ARGOCD_SSH_DATA_PATH": str(home / "ssh"),
        # It keeps repositories that it cloned; this machine's own git configuration is not its.
        "ARGOCD_REPO_SERVER_ENABLE_BUILTIN_GIT_CONFIG": "true",
        # By default it asks the API server 50 times a second, for all applications together.
        "ARGOCD_K8S_CLIENT_QPS": "400",
        "ARGOCD_K8S_CLIENT_BURST": "800",
        "GOGC": GARBAGE,
    }
    setup = _Setup(plane, home, environment, f"{HOST}:{redis}", repositories)
    _start_repository_server(daemons, setup)
    _start_controllers(daemons, setup)


def _install(plane: ControlPlane) -> None:
    source = module_folder(program("argocd"))
    create_namespace(plane, NAMESPACE)
    apply_definitions(plane, read_objects(*yaml_files(source / "manifests/crds")))
    settings = read_objects(*yaml_files(source / "manifests/base/config"))
    apply(plane, settings, "--namespace", NAMESPACE)
    patch = json.dumps({"stringData": {"server.secretkey": secrets.token_hex(32)}})
    plane.kubectl("-n", NAMESPACE, "patch", "secret", "argocd-secret", "--type=merge", "-p", patch)


def _start_repository_server(daemons: Daemons, setup: _Setup) -> None:
    port = setup.repositories
    command = [
        *(setup.program("argocd-repo-server"), "--disable-tls", *_LOG),
        *(f"--address={HOST}", f"--port={port}", "--redis", setup.store),
        *(f"--metrics-address={HOST}", f"--metrics-port={free_port()}"),
    ]
    daemons.start("argocd-repo-server", command, lambda: answers(port), setup.environment)


def _start_controllers(daemons: Daemons, setup: _Setup) -> None:
    address = f"{HOST}:{setup.repositories}"
    metrics, probe = free_port(), free_port()
    command = [
        *(setup.program("argocd-application-controller"), "--namespace", NAMESPACE, *_LOG),
        *("--repo-server", address, "--repo-server-plaintext", "--redis", setup.store),
        *("--metrics-port", str(metrics), "--enable-k8s-event=none"),
    ]
    name = "argocd-application-controller"
    daemons.start(name, command, lambda: answers(metrics), setup.environment)
    command = [
        *(setup.program("argocd-applicationset-controller"), "--namespace", NAMESPACE, *_LOG),
        *("--argocd-repo-server", address, "--repo-server-plaintext"),
        *(f"--metrics-addr={HOST}:{free_port()}", f"--probe-addr={HOST}:{probe}"),
        f"--webhook-addr={HOST}:{free_port()}",
    ]
    name = "argocd-applicationset-controller"
    daemons.start(name, command, lambda: answers(probe), setup.environment)
