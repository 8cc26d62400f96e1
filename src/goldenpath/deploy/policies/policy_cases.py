"""Makes the manifests of `cases.yaml`: what a cluster has to admit, and what it has to refuse.

The file is read by people, so this module only fills in words, changes the named places of a base,
and puts the spec of a pod into each carrier: a pod, a deployment, a job by the clock.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import entries, members
from goldenpath.deploy.policies.builtin_policy import AdmissionRequest
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml

_FILE = files("goldenpath.deploy.policies") / "cases.yaml"
_RESOURCES: Mapping[str, str] = {
    "InferenceService": "inferenceservices",
    "ServingRuntime": "servingruntimes",
    "TrainedModel": "trainedmodels",
    "InferenceGraph": "inferencegraphs",
    "Pod": "pods",
    "Deployment": "deployments",
    "ReplicaSet": "replicasets",
    "Job": "jobs",
    "CronJob": "cronjobs",
}
_VERSIONS: Mapping[str, str] = {
    "Pod": "v1",
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
}
Verdict = Literal["admitted", "refused"]


@dataclass(frozen=True, slots=True)
class CaseWords:
    """What the words in capitals stand for."""

    namespace: str
    registry: str
    """Host and folder of the platform's models."""
    model: str
    digest: Digest
    """A release that is signed and admitted to the stage."""
    images: Mapping[str, str]
    """The images of server, initializer and jobs."""

    def filled(self, text: str) -> str:
        """Return the text with every word replaced, the longer words first."""
        words = {
            "INITIALIZER_IMAGE": self.images["initializer"],
            "HEXADECIMAL": self.digest.hex,
            "SERVER_IMAGE": self.images["server"],
            "NAMESPACE": self.namespace,
            "REGISTRY": self.registry,
            "DIGEST": self.digest.text,
            "MODEL": self.model,
            "SHORT": self.digest.hex[:8],
        }
        for placeholder, value in words.items():
            text = text.replace(placeholder, value)
        return text


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """One manifest, and what has to become of it."""

    name: str
    expected: Verdict
    rule: str
    """The message of the one rule that refuses it; empty if it is admitted."""
    manifest: Mapping[str, JsonValue]

    def request(self) -> AdmissionRequest:
        """Return the request to create it."""
        group, _, version = str(self.manifest["apiVersion"]).rpartition("/")
        resource = _RESOURCES[str(self.manifest["kind"])]
        return AdmissionRequest(group, version, resource, self.manifest)


def field_cases(words: CaseWords) -> tuple[PolicyCase, ...]:
    """Return the cases whose verdict follows from the fields of the manifest alone."""
    file = parse_yaml(words.filled(_FILE.read_text("utf-8")).encode(), "cases.yaml")
    bases = members(file.get("bases"))
    return tuple(
        case
        for expected, key in (("admitted", "good"), ("refused", "bad"))
        for group in entries(file.get(key))
        for case in _cases(group, bases, words, "refused" if expected == "refused" else "admitted")
    )


def signature_case(base: str, name: str, rule: str, words: CaseWords) -> PolicyCase:
    """Return the case of a base whose fields are right, with a release in some state.

    `rule` is the message of the rule that refuses the release; empty for none.
    """
    file = parse_yaml(words.filled(_FILE.read_text("utf-8")).encode(), "cases.yaml")
    manifest = dict(members(members(file.get("bases")).get(base)))
    if "kind" not in manifest:
        manifest = _carried("Pod", manifest, words)
    label = f"{manifest['kind']} (release): {name}"
    return PolicyCase(label, "refused" if rule else "admitted", rule, manifest)


def _cases(
    group: Mapping[str, JsonValue],
    bases: Mapping[str, JsonValue],
    words: CaseWords,
    expected: Verdict,
) -> Iterator[PolicyCase]:
    base = members(bases.get(str(group["base"])))
    for name, change in _changes(group).items():
        changed = _changed(base, change)
        carriers = group.get("carriers")
        if not isinstance(carriers, list):
            yield _case(name, expected, group, changed)
            continue
        for carrier in carriers:
            yield _case(name, expected, group, _carried(str(carrier), changed, words))


def _case(
    name: str, expected: Verdict, group: Mapping[str, JsonValue], manifest: Mapping[str, JsonValue]
) -> PolicyCase:
    label = f"{manifest['kind']} ({group['base']}): {name}"
    return PolicyCase(label, expected, str(group.get("rule", "")), manifest)


def _changes(group: Mapping[str, JsonValue]) -> dict[str, Mapping[str, JsonValue]]:
    """Return what each case changes; with `place`, each value stands at that place."""
    place = group.get("place")
    if isinstance(place, str):
        return {name: {place: value} for name, value in members(group.get("values")).items()}
    return {name: members(change) for name, change in members(group.get("cases")).items()}


def _changed(
    base: Mapping[str, JsonValue], change: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    result = deepcopy(dict(base))
    for path, value in change.items():
        _set(result, path.split("."), deepcopy(value))
    return result


def _set(item: JsonValue, path: list[str], value: JsonValue) -> None:
    """Set, add or remove the value at a path. Raises `InvalidInput` if there is no such place."""
    key, *rest = path
    if isinstance(item, list):
        if key == "+":
            item.append(value)
        elif rest:
            _set(item[int(key)], rest, value)
        else:
            item[int(key)] = value
    elif not isinstance(item, dict):
        raise InvalidInput(f"cases.yaml changes {'.'.join(path)}, which is no mapping")
    elif not rest:
        item.pop(key, None)
        if value is not None:
            item[key] = value
    else:
        _set(item.setdefault(key, {}), rest, value)


def _carried(kind: str, pod: Mapping[str, JsonValue], words: CaseWords) -> dict[str, JsonValue]:
    """Return an object of a kind that makes the pod."""
    labels: dict[str, JsonValue] = {"app": "policy-test"}
    head: dict[str, JsonValue] = {
        "apiVersion": _VERSIONS[kind],
        "kind": kind,
        "metadata": {"name": "policy-test", "namespace": words.namespace, "labels": labels},
    }
    template: dict[str, JsonValue] = {"metadata": {"labels": labels}, "spec": dict(pod)}
    once: dict[str, JsonValue] = {
        "metadata": {"labels": labels},
        "spec": {**pod, "restartPolicy": "Never"},
    }
    specs: Mapping[str, dict[str, JsonValue]] = {
        "Pod": dict(pod),
        "Deployment": {"selector": {"matchLabels": labels}, "template": template},
        "ReplicaSet": {"selector": {"matchLabels": labels}, "template": template},
        "Job": {"template": once},
        "CronJob": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": once}}},
    }
    return {**head, "spec": specs[kind]}
