"""Reads one InferenceService: what one machine honours of it, and what it does not.

What KServe's webhook would refuse is refused here too, by file and field. A field that a cluster
honours and one machine does not is named, never silently left out.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.promote.manifests.desired import Deployment, Scaling, Slot, slot_name
from goldenpath.promote.manifests.quantities import parse_bytes, parse_seconds
from goldenpath.promote.platform.platform import Platform

SCHEME = "oci+native://"
"""KServe mounts the image itself; other schemes need a shell inside it or an unpacker."""
MODE = "serving.kserve.io/deploymentMode"
STOP = "serving.kserve.io/stop"
STABLE = "goldenpath.example/stable"
"""Digest of the release that a canary in Knative mode is held against: KServe keeps it in the
status alone, where git cannot say it."""
NOT_ON_CANARY = ("maxReplicas", "scaleTarget", "scaleMetric", "autoScaling", "workerSpec")
"""KServe's webhook refuses these on a canary."""

_MODEL = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CLASS = "serving.kserve.io/autoscalerClass"
_WINDOW = "autoscaling.knative.dev/window"
_RETENTION = "autoscaling.knative.dev/scale-to-zero-pod-retention-period"
_SHORTEST_WINDOW, _LONGEST = 6.0, 3600.0
"""Seconds; Knative's webhook refuses others."""
_PLATFORM_VARIABLES = ("LD_", "PYTHON", "GOLDENPATH_", "PATH", "HOME")
"""What decides which code runs is the platform's to say, not the content's."""
_SCALING = {"minReplicas", "maxReplicas", "scaleTarget", "scaleMetric"}


class ManifestReader:
    """Reads one file; every error names it and the field."""

    def __init__(self, path: str, platform: Platform) -> None:
        self.path = path
        self.platform = platform
        self.ignored: list[str] = []

    def deployment(self, stage: str, model: str, content: bytes) -> Deployment:
        """What the file wants. Raises `InvalidInput`."""
        if self.platform.stage(stage) is None:
            raise InvalidInput(
                f"{self.path} is in the stage {stage!r}, which platform.toml has not"
            )
        if _MODEL.fullmatch(model) is None:
            raise InvalidInput(f"{self.path} has a model name that KServe would refuse: {model!r}")
        value = parse_yaml(content, self.path)
        self._is(value, "apiVersion", ("serving.kserve.io/v1beta1",))
        self._is(value, "kind", ("InferenceService",))
        metadata = self._mapping(value, "metadata")
        self._is(metadata, "name", (model,), "metadata.")
        annotations = self._mapping(metadata, "annotations", "metadata.")
        self._is(annotations, MODE, ("Standard", "Knative"), "annotation ")
        spec = self._mapping(value, "spec")
        predictor = self._mapping(spec, "predictor", "spec.")
        self._note(spec, "spec.", {"predictor", "canary"})
        if annotations[MODE] == "Knative":
            slots = self._knative(spec, predictor, annotations, model)
        else:
            slots = self._standard(spec, predictor, model)
        check_shares(slots, self.path)
        stopped = str(annotations.get(STOP, "")).lower() == "true"
        scaling = self._scaling(predictor, annotations, slots[0])
        return Deployment(stage, model, slots, stopped, scaling)

    def _standard(
        self, spec: Mapping[str, JsonValue], predictor: Mapping[str, JsonValue], model: str
    ) -> tuple[Slot, ...]:
        if "canaryTrafficPercent" in predictor:
            raise InvalidInput(
                f"{self.path} has spec.predictor.canaryTrafficPercent, which only Knative mode "
                "has: expected spec.canary"
            )
        stable = self._slot(predictor, model, "spec.predictor.", is_named=True)
        canaries = tuple(self._canaries(spec.get("canary", []), stable, model))
        rest = 100 - sum(slot.percent for slot in canaries)
        return (replace(stable, percent=rest), *canaries)

    def _knative(
        self,
        spec: Mapping[str, JsonValue],
        predictor: Mapping[str, JsonValue],
        annotations: Mapping[str, JsonValue],
        model: str,
    ) -> tuple[Slot, ...]:
        """The newest release and, while it is a canary, the one before that keeps the rest."""
        if "canary" in spec:
            raise InvalidInput(
                f"{self.path} has spec.canary, which only Standard mode has: "
                "expected spec.predictor.canaryTrafficPercent"
            )
        newest = self._slot(predictor, model, "spec.predictor.", is_named=False)
        percent = self._percent(predictor, "canaryTrafficPercent", "spec.predictor.", 100)
        if percent == 100:
            return (replace(newest, percent=100),)
        said = annotations.get(STABLE)
        if not isinstance(said, str):
            raise InvalidInput(
                f"{self.path} has spec.predictor.canaryTrafficPercent {percent} and no annotation "
                f"{STABLE}: expected the digest of the release that keeps the rest"
            )
        try:
            digest = Digest(said)
        except InvalidInput as error:
            raise InvalidInput(f"{self.path} has annotation {STABLE}: {error.message}") from error
        stable = replace(newest, name=slot_name(digest), digest=digest, percent=100 - percent)
        return (stable, replace(newest, percent=percent))

    def _canaries(self, value: JsonValue, stable: Slot, model: str) -> Iterator[Slot]:
        if not isinstance(value, list):
            raise InvalidInput(f"{self.path} has spec.canary that is not a list")
        for number, each in enumerate(value):
            where = f"spec.canary[{number}]."
            if not isinstance(each, dict):
                raise InvalidInput(f"{self.path} has {where[:-1]} that is not a mapping")
            percent = self._percent(each, "trafficPercent", where)
            predictor = self._mapping(each, "predictor", where)
            for key in NOT_ON_CANARY:
                if key in predictor:
                    raise InvalidInput(
                        f"{self.path} has {where}predictor.{key}, which KServe refuses"
                    )
            slot = self._slot(predictor, model, where + "predictor.", is_named=True)
            if "minReplicas" not in predictor:
                replicas = math.ceil(stable.replicas * percent / 100)
                slot = replace(slot, replicas=replicas)
            if slot.replicas > max(stable.replicas, 1):
                raise InvalidInput(
                    f"{self.path} has {where}predictor.minReplicas {slot.replicas}, "
                    f"expected at most the stable's {stable.replicas}"
                )
            yield replace(slot, percent=percent)

    def _slot(
        self, predictor: Mapping[str, JsonValue], model: str, where: str, *, is_named: bool
    ) -> Slot:
        self._note(predictor, where, {"name", "model", "canaryTrafficPercent", *_SCALING})
        source = self._mapping(predictor, "model", where)
        honoured = {"name", "modelFormat", "protocolVersion", "storageUri", "env", "resources"}
        where_model = where + "model."
        self._note(source, where_model, honoured)
        self._is(source, "protocolVersion", ("v2",), where_model)
        digest = self._digest(source.get("storageUri"), model, where_model + "storageUri")
        if is_named or "name" in predictor:
            self._is(predictor, "name", (slot_name(digest),), where)
        replicas = self._number(predictor, "minReplicas", where, 1)
        env = tuple(self._env(source.get("env", []), where_model))
        memory = self._memory(source.get("resources", {}), where_model + "resources")
        return Slot(slot_name(digest), digest, 0, replicas, env, memory)

    def _env(self, value: JsonValue, where: str) -> Iterator[tuple[str, str]]:
        listed = value if isinstance(value, list) else [None]
        for each in listed:
            name = each.get("name") if isinstance(each, dict) else None
            if not isinstance(each, dict) or not isinstance(name, str):
                raise InvalidInput(
                    f"{self.path} has {where}env that is no list of names and values"
                )
            text = each.get("value", "")
            if _VARIABLE.fullmatch(name) is None or not isinstance(text, str) or "\0" in text:
                raise InvalidInput(f"{self.path} has {where}env {name!r} that is not text")
            if "valueFrom" in each:
                self.ignored.append(f"{self.path}: {where}env {name} with valueFrom")
            elif name.startswith(_PLATFORM_VARIABLES):
                self.ignored.append(f"{self.path}: {where}env {name}, which is the platform's")
            else:
                yield name, text

    def _memory(self, value: JsonValue, where: str) -> int:
        """Bytes that a server may use; 0 is as many as there are."""
        limits = value.get("limits", {}) if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(limits, dict):
            raise InvalidInput(f"{self.path} has {where} that is not a mapping")
        self._note(value, where + ".", {"limits"})
        self._note(limits, where + ".limits.", {"memory"})
        said = limits.get("memory")
        return 0 if said is None else parse_bytes(said, f"{self.path}: {where}.limits.memory")

    def _scaling(
        self, predictor: Mapping[str, JsonValue], annotations: Mapping[str, JsonValue], stable: Slot
    ) -> Scaling:
        where, usual = "spec.predictor.", Scaling()
        most = self._number(predictor, "maxReplicas", where, 0)
        if 0 < most < stable.replicas:
            raise InvalidInput(
                f"{self.path} has {where}maxReplicas {most}, expected at least minReplicas "
                f"{stable.replicas}"
            )
        is_knative = annotations[MODE] == "Knative"
        if most and not is_knative and annotations.get(_CLASS) == "none":
            self.ignored.append(f"{self.path}: {where}maxReplicas, as the autoscalerClass is none")
            most = 0
        metric = predictor.get("scaleMetric", "concurrency" if is_knative else "cpu")
        if most > 0 and metric != "concurrency":
            # The number still follows the traffic, within its bounds, by what is measured here.
            self.ignored.append(f"{self.path}: {where}scaleMetric {metric}: concurrency is used")
        target = self._number(predictor, "scaleTarget", where, 0) if metric == "concurrency" else 0
        window = self._seconds(annotations, _WINDOW, usual.idle, _SHORTEST_WINDOW)
        retention = self._seconds(annotations, _RETENTION, 0.0, 0.0)
        return Scaling(most, target or usual.target, window + retention)

    def _seconds(
        self, annotations: Mapping[str, JsonValue], key: str, usual: float, least: float
    ) -> float:
        said = annotations.get(key)
        if said is None:
            return usual
        seconds = parse_seconds(said, f"{self.path}: annotation {key}")
        if not least <= seconds <= _LONGEST:
            raise InvalidInput(
                f"{self.path} has annotation {key} {said!r}, expected {least:g}s to 1h"
            )
        return seconds

    def _percent(
        self, value: Mapping[str, JsonValue], key: str, where: str, usual: int | None = None
    ) -> int:
        percent = value.get(key, usual)
        if not isinstance(percent, int) or isinstance(percent, bool) or not 0 <= percent <= 100:
            raise InvalidInput(f"{self.path} has {where}{key} {percent!r}, expected 0 to 100")
        return percent

    def _number(self, value: Mapping[str, JsonValue], key: str, where: str, usual: int) -> int:
        number = value.get(key, usual)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 1000:
            raise InvalidInput(f"{self.path} has {where}{key} {number!r}, expected 0 to 1000")
        return number

    def _digest(self, uri: JsonValue, model: str, where: str) -> Digest:
        begin = f"{SCHEME}{self.platform.registry_prefix}/{model}@"
        if not isinstance(uri, str) or not uri.startswith(begin):
            raise InvalidInput(f"{self.path} has {where} {uri!r}, expected {begin}sha256:…")
        try:
            return Digest(uri.removeprefix(begin))
        except InvalidInput as error:
            raise InvalidInput(
                f"{self.path} has {where} without a digest: {error.message}"
            ) from error

    def _mapping(
        self, value: Mapping[str, JsonValue], key: str, where: str = ""
    ) -> dict[str, JsonValue]:
        found = value.get(key)
        if not isinstance(found, dict):
            raise InvalidInput(f"{self.path} needs the mapping {where}{key}")
        return found

    def _is(
        self, value: Mapping[str, JsonValue], key: str, wanted: Collection[str], where: str = ""
    ) -> None:
        if value.get(key) not in wanted:
            expected = " or ".join(repr(each) for each in wanted)
            raise InvalidInput(
                f"{self.path} has {where}{key} {value.get(key)!r}, expected {expected}"
            )

    def _note(self, value: Mapping[str, JsonValue], where: str, honoured: set[str]) -> None:
        self.ignored += [f"{self.path}: {where}{key}" for key in value if key not in honoured]


def check_shares(slots: tuple[Slot, ...], what: str) -> None:
    """Raises `InvalidInput` for shares that no traffic can be split by."""
    if not slots:
        raise InvalidInput(f"{what} has no release")
    if len({slot.name for slot in slots}) != len(slots):
        raise InvalidInput(f"{what} has the same release twice")
    if any(not 0 <= slot.percent <= 100 for slot in slots):
        raise InvalidInput(f"{what} has shares that are not between 0 and 100")
    if sum(slot.percent for slot in slots) != 100:
        raise InvalidInput(f"{what} has shares that do not add up to 100")
