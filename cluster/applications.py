"""KServe, Contour with Envoy, Argo CD and a registry beside the cluster, as real processes."""

import base64
import datetime
import ipaddress
import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster.addresses import HOST, answers, free_port
from cluster.control_plane import ControlPlane
from cluster.daemons import Daemons
from cluster.go_build import module_folder
from cluster.parts import program

Document = dict[str, object]


def start_registry(daemons: Daemons, folder: Path, debian: Path) -> int:
    """A registry on loopback; its port."""
    port = free_port()
    configuration = folder / "registry.yaml"
    configuration.write_text(
        "version: 0.1\nstorage:\n"
        f"  filesystem: {{rootdirectory: {folder / 'registry'}}}\n  delete: {{enabled: true}}\n"
        f"http: {{addr: '{HOST}:{port}'}}\n",
        "utf-8",
    )
    command = [str(debian / "usr/bin/docker-registry"), "serve", str(configuration)]
    daemons.start("registry", command, lambda: answers(port))
    return port


def documents(*files: Path) -> list[Document]:
    """Every object in the YAML files, in their order."""
    return [
        document
        for file in files
        for document in yaml.safe_load_all(file.read_text("utf-8"))
        if document
    ]


def apply(plane: ControlPlane, objects: list[Document], *arguments: str) -> None:
    """Apply the objects on the server's side."""
    text = yaml.safe_dump_all(objects).encode()
    plane.kubectl("apply", "--server-side", "--force-conflicts", *arguments, "-f", "-", stdin=text)


def create_namespace(plane: ControlPlane, name: str) -> None:
    """Make a namespace; it may be there already."""
    apply(plane, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])


@dataclass(frozen=True, slots=True)
class ServingCertificate:
    """A key and a certificate for 127.0.0.1 that is its own authority."""

    certificate: bytes
    key: bytes


def serving_certificate(now: datetime.datetime) -> ServingCertificate:
    """A fresh one, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "webhook")])
    addresses = [x509.IPAddress(ipaddress.ip_address(HOST))]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return ServingCertificate(
        built.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def start_kserve(
    daemons: Daemons, plane: ControlPlane, folder: Path, *, gateway: str, now: datetime.datetime
) -> None:
    """Its CRDs, configuration, webhooks and manager; the manager runs outside the cluster."""
    source = module_folder(program("kserve-manager"))
    create_namespace(plane, "kserve")
    apply(plane, [_unconverted(crd) for crd in documents(*_yaml(source / "config/crd/full"))])
    apply(plane, _kserve_configuration(source, gateway))
    port, certificate = free_port(), serving_certificate(now)
    temporary = folder / "kserve"
    store = temporary / "k8s-webhook-server" / "serving-certs"
    store.mkdir(parents=True, exist_ok=True)
    (store / "tls.crt").write_bytes(certificate.certificate)
    (store / "tls.key").write_bytes(certificate.key)
    health = free_port()
    daemons.start(
        "kserve-manager",
        [
            str(plane.programs / "kserve-manager"),
            f"--webhook-port={port}",
            f"--metrics-addr={HOST}:{free_port()}",
            f"--health-probe-addr={HOST}:{health}",
        ],
        lambda: answers(port) and answers(health),
        {"KUBECONFIG": str(plane.kubeconfig), "POD_NAMESPACE": "kserve", "TMPDIR": str(temporary)},
    )
    apply(plane, _kserve_webhooks(source, port, certificate))


def _yaml(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml")


def _unconverted(crd: Document) -> Document:
    """Without the webhook that converts versions; it would be asked for at an address inside."""
    spec = crd.get("spec")
    if isinstance(spec, dict):
        spec.pop("conversion", None)
    return crd


def _kserve_configuration(source: Path, gateway: str) -> list[Document]:
    objects = documents(source / "config/configmap/inferenceservice.yaml")
    for item in objects:
        data = item["data"]
        assert isinstance(data, dict)
        ingress = json.loads(data["ingress"])
        ingress |= {
            "enableGatewayApi": True,
            "disableIstioVirtualHost": True,
            "kserveIngressGateway": gateway,
            "ingressGateway": gateway,
        }
        deploy = json.loads(data["deploy"]) | {"defaultDeploymentMode": "Standard"}
        storage = json.loads(data["storageInitializer"]) | {"enableOciModelSupport": True}
        data |= {
            "ingress": json.dumps(ingress),
            "deploy": json.dumps(deploy),
            "storageInitializer": json.dumps(storage),
        }
    return objects


def _kserve_webhooks(
    source: Path, port: int, certificate: ServingCertificate
) -> list[Document]:
    kinds = {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
    objects = [
        item for item in documents(*_yaml(source / "config/webhook")) if item.get("kind") in kinds
    ]
    authority = base64.b64encode(certificate.certificate).decode("ascii")
    for item in objects:
        metadata = item["metadata"]
        assert isinstance(metadata, dict)
        metadata.pop("annotations", None)
        metadata.pop("creationTimestamp", None)
        hooks = item["webhooks"]
        assert isinstance(hooks, list)
        for hook in hooks:
            path = hook["clientConfig"]["service"]["path"]
            hook["clientConfig"] = {"url": f"https://{HOST}:{port}{path}", "caBundle": authority}
    return objects


def start_gateway(daemons: Daemons, plane: ControlPlane, folder: Path, envoy: Path) -> int:
    """Contour and Envoy behind one Gateway; the port of loopback on which Envoy listens."""
    source = module_folder(program("contour"))
    version = _requirement(source / "go.mod", "sigs.k8s.io/gateway-api")
    api = module_folder(("sigs.k8s.io/gateway-api", version))
    apply(plane, documents(*_yaml(api / "config/crd/experimental")))
    apply(plane, documents(*_yaml(source / "examples/contour")[:0], source / "examples/contour/01-crds.yaml"))
    create_namespace(plane, "projectcontour")
    listens = free_port_for_envoy()
    apply(plane, _gateway_objects(listens - 8000))
    configuration = folder / "contour.yaml"
    configuration.write_text(
        "gateway:\n  gatewayRef: {namespace: projectcontour, name: walk}\n", "utf-8"
    )
    xds, health, metrics = free_port(), free_port(), free_port()
    daemons.start(
        "contour",
        [
            *(str(plane.programs / "contour"), "serve", f"--kubeconfig={plane.kubeconfig}"),
            *("--insecure", f"--xds-address={HOST}", f"--xds-port={xds}"),
            *("--disable-leader-election", f"--config-path={configuration}"),
            *(f"--http-address={HOST}", f"--http-port={metrics}"),
            *(f"--health-address={HOST}", f"--health-port={health}", "--envoy-service-http-address=127.0.0.1"),
        ],
        lambda: answers(xds),
    )
    bootstrap = folder / "envoy.json"
    from goldenpath.processes.tool import run_tool

    run_tool(
        [
            *(str(plane.programs / "contour"), "bootstrap", str(bootstrap)),
            *(f"--xds-address={HOST}", f"--xds-port={xds}", "--admin-address", str(folder / "envoy.sock")),
        ]
    )
    daemons.start(
        "envoy",
        [str(envoy), "-c", str(bootstrap), "--service-cluster", "walk", "--service-node", "walk",
         "--concurrency", "1", "--base-id", str(os.getpid() % 1000)],
        lambda: (folder / "envoy.sock").exists(),
    )
    return listens


def free_port_for_envoy() -> int:
    """Envoy listens at the Gateway's port plus 8000."""
    port = free_port()
    while port < 9001:
        port = free_port()
    return port


def _requirement(go_mod: Path, module: str) -> str:
    match = re.search(rf"^\s*{re.escape(module)} (\S+)", go_mod.read_text("utf-8"), re.MULTILINE)
    assert match is not None, f"{go_mod} does not require {module}"
    return match.group(1)


def _gateway_objects(port: int) -> list[Document]:
    return [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "contour"},
            "spec": {"controllerName": "projectcontour.io/gateway-controller"},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "walk", "namespace": "projectcontour"},
            "spec": {
                "gatewayClassName": "contour",
                "listeners": [
                    {
                        "name": "http",
                        "protocol": "HTTP",
                        "port": port,
                        "allowedRoutes": {"namespaces": {"from": "All"}},
                    }
                ],
            },
        },
    ]


def start_argocd(daemons: Daemons, plane: ControlPlane, folder: Path, redis: Path) -> None:
    """Repository server, application controller and ApplicationSet controller."""
    source = module_folder(program("argocd"))
    create_namespace(plane, "argocd")
    apply(plane, documents(*_yaml(source / "manifests/crds")), "-n", "argocd")
    apply(plane, documents(*_yaml(source / "manifests/base/config")), "-n", "argocd")
    patch = json.dumps({"stringData": {"server.secretkey": secrets.token_hex(32)}})
    plane.kubectl("-n", "argocd", "patch", "secret", "argocd-secret", "--type=merge", f"-p={patch}")
    store = free_port()
    command = [str(redis / "usr/bin/redis-server"), "--bind", HOST, "--port", str(store), "--save", ""]
    daemons.start("redis", command, lambda: answers(store))
    home = folder / "argocd"
    for name in (".kube", "tls", "ssh", "gpg"):
        (home / name).mkdir(parents=True, exist_ok=True)
    (home / ".kube" / "config").write_bytes(plane.kubeconfig.read_bytes())
    environment = {
        "HOME": str(home),
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_TLS_DATA_PATH": str(home / "tls"),
        "ARGOCD_SSH_DATA_PATH": str(home / "ssh"),
        "KUBECONFIG": str(plane.kubeconfig),
        "REDIS_SERVER": f"{HOST}:{store}",
    }
    programs = {}
    for name in ("argocd-repo-server", "argocd-application-controller", "argocd-applicationset-controller"):
        # One program that acts by the name under which it is started.
        programs[name] = home / name
        programs[name].unlink(missing_ok=True)
        programs[name].symlink_to((plane.programs / "argocd").resolve())
    repositories = free_port()
    daemons.start(
        "argocd-repo-server",
        [
            *(str(programs["argocd-repo-server"]), "--disable-tls", f"--address={HOST}"),
            *(f"--port={repositories}", f"--metrics-address={HOST}", f"--metrics-port={free_port()}"),
            *("--redis", f"{HOST}:{store}"),
        ],
        lambda: answers(repositories),
        environment,
    )
    metrics = free_port()
    daemons.start(
        "argocd-application-controller",
        [
            *(str(programs["argocd-application-controller"]), f"--metrics-port={metrics}"),
            *("--repo-server-plaintext", f"--repo-server={HOST}:{repositories}"),
            *("--namespace", "argocd", "--kubeconfig", str(plane.kubeconfig), "--redis", f"{HOST}:{store}"),
        ],
        lambda: answers(metrics),
        environment,
    )
    probe = free_port()
    daemons.start(
        "argocd-applicationset-controller",
        [
            *(str(programs["argocd-applicationset-controller"]), f"--probe-addr={HOST}:{probe}"),
            *(f"--metrics-addr={HOST}:{free_port()}", f"--webhook-addr={HOST}:{free_port()}"),
            *("--argocd-repo-server-plaintext" if False else "--repo-server-plaintext",),
            *(f"--argocd-repo-server={HOST}:{repositories}", "--namespace", "argocd"),
            *("--kubeconfig", str(plane.kubeconfig)),
        ],
        lambda: answers(probe),
        environment,
    )
