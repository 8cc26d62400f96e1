"""Makes `crds.json.xz` from custom resource definitions: `extract_crds.py FOLDER`.

Keeps the schemas of the kinds that we render, as JSON Schema. A field that a definition does not
know is pruned by the API server and then differs from git for ever, so here it is an error.
"""

import json
import lzma
import sys
from pathlib import Path

import yaml

WANTED = {
    "kserve-inferenceservices.yaml": "v1beta1",
    "kserve-servingruntimes.yaml": "v1alpha1",
    "kserve-clusterstoragecontainers.yaml": "v1alpha1",
    "gateway-api.yaml": "v1",
    "gateway-api-httproutes.yaml": "v1",
    "argocd-appproject.yaml": "v1alpha1",
    "argocd-applicationset.yaml": "v1alpha1",
    "kyverno-imagevalidatingpolicies.yaml": "v1",
    "sigstore-clusterimagepolicies.yaml": "v1beta1",
}
KNOWN = ("apiVersion", "kind", "metadata")
DROPPED = {"description", "default", "nullable", "format", "example"}


def json_schema(node: object) -> object:
    """A structural schema as JSON Schema that knows no other fields."""
    if isinstance(node, list):
        return [json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, object] = {}
    for key, value in node.items():
        if key == "properties":
            result[key] = {name: json_schema(each) for name, each in value.items()}
        elif key not in DROPPED and not key.startswith("x-kubernetes-"):
            result[key] = json_schema(value)
    if node.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
    closed = "properties" in node and not node.get("x-kubernetes-preserve-unknown-fields")
    if closed and "additionalProperties" not in node and node.get("type") == "object":
        result["additionalProperties"] = False
    return result


def main(folder: Path) -> None:
    """Reads the definitions and writes the schemas beside this script."""
    schemas = {}
    for file, version in WANTED.items():
        documents = yaml.load_all((folder / file).read_text(), Loader=yaml.CSafeLoader)
        for crd in filter(None, documents):
            found = [each for each in crd["spec"]["versions"] if each["name"] == version]
            kind = crd["spec"]["names"]["kind"]
            if found and not kind.startswith("Namespaced"):
                schema = found[0]["schema"]["openAPIV3Schema"]
                # The API server knows these of every kind, whether the definition says so or not.
                schema["properties"] = {**{key: {} for key in KNOWN}, **schema["properties"]}
                schemas[kind] = json_schema(schema)
    text = json.dumps(schemas, sort_keys=True, separators=(",", ":")).encode()
    (Path(__file__).parent / "crds.json.xz").write_bytes(lzma.compress(text, preset=9))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
