"""Kubernetes objects: read from the files of other projects, and applied to the cluster."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from cluster.control_plane import ControlPlane, KubectlFailed
from goldenpath.canonical import JsonValue

KubernetesObject = dict[str, JsonValue]


def read_objects(*files: Path) -> list[KubernetesObject]:
    """Return every object in the YAML files, in their order."""
    return [
        document
        for file in files
        for document in yaml.load_all(file.read_bytes(), Loader=_LOADER)
        if document
    ]


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The definitions of KServe have five megabytes, for which the loader in Python takes a minute."""


def yaml_files(folder: Path) -> list[Path]:
    """Return the YAML files below a folder, without those that only Kustomize reads."""
    return sorted(path for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml")


def custom_resources(objects: Iterable[KubernetesObject]) -> list[KubernetesObject]:
    """Return the definitions of custom resources among the objects.

    Beside them lie patches for Kustomize: they have the same kind, but define no group. A webhook
    that converts versions is left out; it would be asked for at an address inside of the cluster.
    """
    definitions = []
    for item in objects:
        spec = item.get("spec")
        if item.get("kind") == "CustomResourceDefinition" and members(spec).get("group"):
            kept = {key: value for key, value in members(spec).items() if key != "conversion"}
            definitions.append({**item, "spec": kept})
    return definitions


def apply_definitions(plane: ControlPlane, objects: Iterable[KubernetesObject]) -> None:
    """Apply definitions and wait until the API server serves all of them."""
    definitions = custom_resources(objects)
    apply(plane, definitions)
    names = [str(members(each.get("metadata")).get("name")) for each in definitions]
    give_up = time.monotonic() + _DEFINITION_SECONDS
    while True:
        try:
            plane.kubectl("wait", "--for=condition=Established", "crd", *names, "--timeout=20s")
        except KubectlFailed:
            # It refuses at once to wait for a definition that has no condition yet.
            if time.monotonic() > give_up:
                raise
            time.sleep(1)
        else:
            return


_DEFINITION_SECONDS = 240.0


def members(value: JsonValue) -> Mapping[str, JsonValue]:
    """Return a mapping; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def apply(plane: ControlPlane, objects: Iterable[Mapping[str, JsonValue]], *flags: str) -> str:
    """Apply the objects on the server's side and return what kubectl printed."""
    text = yaml.dump_all(list(objects), Dumper=_DUMPER).encode("utf-8")
    command = ("apply", "--server-side", "--force-conflicts", *flags, "-f", "-")
    return plane.kubectl(*command, stdin=text, seconds=300)


_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def create_namespace(plane: ControlPlane, name: str) -> None:
    """Make a namespace, which may exist."""
    apply(plane, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
