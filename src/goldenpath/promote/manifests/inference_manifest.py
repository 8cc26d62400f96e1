"""Reads InferenceServices for one machine, and lists the fields that it does not honour.

What KServe's webhook would refuse is refused here too, with file and field. A field that a cluster
honours and one machine does not is listed, never silently ignored.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.typed import typed
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.promote.manifests import manifest_fields
from goldenpath.promote.manifests.desired import Scaling, Slot, slot_name
from goldenpath.promote.manifests.manifest_fields import MODEL_FORMATS
from goldenpath.promote.manifests.quantities import parse_bytes, parse_seconds
from goldenpath.promote.manifests.unreadable_file import refuse_unreadable
from goldenpath.promote.platform.platform import Platform

RUNTIME = "goldenpath"
"""The ServingRuntime of our server. It is named, since KServe would choose one by its format."""
SCHEME = "oci+native://"
"""With this scheme KServe mounts the image; others need a shell in the image or an unpacker."""
MODE = "serving.kserve.io/deploymentMode"
STOP = "serving.kserve.io/stop"
NOT_ON_CANARY = ("maxReplicas", "scaleTarget", "scaleMetric", "autoScaling", "workerSpec")
"""Fields that KServe's webhook refuses on a canary."""

_CLASS = "serving.kserve.io/autoscalerClass"
_WINDOW = "autoscaling.knative.dev/window"
_RETENTION = "autoscaling.knative.dev/scale-to-zero-pod-retention-period"
ANNOTATIONS = frozenset({MODE, STOP, _CLASS, _WINDOW, _RETENTION})
"""The annotations that say when and how many servers run. Any other one may bring in an image, a
volume or an identity, since service meshes and clouds read them from pods."""
_SHORTEST_WINDOW, _LONGEST = 6.0, 3600.0
"""Seconds; Knative's webhook refuses values outside this range."""
VARIABLES = (
    "MALLOC_ARENA_MAX",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
"""The variables that `env` may set: counts of threads and of memory pools. They change how fast an
answer comes and never which one, or which code runs."""
_COUNT = re.compile(r"[1-9][0-9]{0,2}")


_Anything = Annotated[object, Meta(extra_json_schema={"description": "anything"})]
_Count = Annotated[int, Meta(ge=0, le=1000, title="a whole number from 0 to 1000")]
_Percent = Annotated[int, Meta(ge=0, le=100, title="a whole number from 0 to 100")]


class _Open(msgspec.Struct, rename="camel"):
    """A part of the file. Fields that one machine does not honour are allowed and listed."""


class _Variable(_Open):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z", title="a variable's name")]
    value: Annotated[str, Meta(pattern=r"^[^\x00]*\Z", title="a text without NUL")] = ""
    value_from: _Anything = None


class _Limits(_Open):
    memory: _Anything = None


class _Resources(_Open):
    limits: _Limits = msgspec.field(default_factory=_Limits)


class SourceFields(_Open):
    storage_uri: str
    protocol_version: Literal["v2"]
    env: tuple[_Variable, ...] = ()
    resources: _Resources = msgspec.field(default_factory=_Resources)
    runtime: str | None = None


class PredictorFields(_Open):
    model: SourceFields
    name: str | None = None
    min_replicas: _Count | None = None
    max_replicas: _Count = 0
    scale_target: _Count = 0
    scale_metric: str | None = None
    canary_traffic_percent: _Percent | None = None


class CanaryFields(_Open):
    traffic_percent: _Percent
    predictor: PredictorFields


class SpecFields(_Open):
    predictor: PredictorFields
    canary: tuple[CanaryFields, ...] | None = None


class MetadataFields(_Open):
    name: str
    annotations: dict[str, _Anything]


class ServiceFields(_Open):
    api_version: Literal["serving.kserve.io/v1beta1"]
    kind: Literal["InferenceService"]
    metadata: MetadataFields
    spec: SpecFields


@dataclass(frozen=True, slots=True)
class ServiceManifest:
    """One InferenceService whose form and fields were checked."""

    value: Mapping[str, JsonValue]
    fields: ServiceFields

    @property
    def annotations(self) -> Mapping[str, object]:
        """Its annotations."""
        return self.fields.metadata.annotations

    @property
    def predictor(self) -> PredictorFields:
        """Its stable predictor."""
        return self.fields.spec.predictor

    @property
    def is_knative(self) -> bool:
        """Whether Knative runs it."""
        return self.annotations[MODE] == "Knative"

    @property
    def is_stopped(self) -> bool:
        """Whether it stays declared while nothing of it runs."""
        return str(self.annotations.get(STOP, "")).lower() == "true"


class ManifestReader:
    """Reads one file. Every error names the file and the field."""

    def __init__(self, path: str, platform: Platform, model: str) -> None:
        self.path = path
        self.platform = platform
        self.model = model
        self.ignored: list[str] = []

    def manifest(self, content: bytes, name: str) -> ServiceManifest:
        """Return the service of that name. Raises `InvalidInput`, with all faults at once."""
        refuse_unreadable(content, self.path)
        value = parse_yaml(content, self.path)
        fields = typed(value, ServiceFields, self.path)
        self.require(fields.metadata.name, "metadata.name", (name,))
        mode = fields.metadata.annotations.get(MODE)
        self.require(mode, f"annotation {MODE}", ("Standard", "Knative"))
        self._note_all(value)
        return ServiceManifest(value, fields)

    def slot(self, predictor: PredictorFields, where: str) -> Slot:
        """Return the release of a predictor, without a share of the traffic."""
        source, where_model = predictor.model, where + "model."
        digest = self._digest(source.storage_uri, where_model + "storageUri")
        replicas = 1 if predictor.min_replicas is None else predictor.min_replicas
        env = tuple(self._env(source.env, where_model))
        memory = source.resources.limits.memory
        place = f"{self.path}: {where_model}resources.limits.memory"
        limit = 0 if memory is None else parse_bytes(memory, place)
        return Slot(slot_name(digest), digest, 0, replicas, env, limit)

    def _env(self, variables: tuple[_Variable, ...], where: str) -> Iterator[tuple[str, str]]:
        for variable in variables:
            what = f"{self.path}: {where}env {variable.name}"
            if variable.value_from is not None:
                self.ignored.append(f"{what} with valueFrom")
            elif variable.name not in VARIABLES:
                self.ignored.append(f"{what}, expected one of {', '.join(VARIABLES)}")
            elif _COUNT.fullmatch(variable.value) is None:
                self.ignored.append(f"{what}, expected a whole number from 1 to 999")
            else:
                yield variable.name, variable.value

    def scaling(self, manifest: ServiceManifest, stable: Slot) -> Scaling:
        """Return how the servers of the stable release follow the traffic."""
        where, usual = "spec.predictor.", Scaling()
        predictor, annotations = manifest.predictor, manifest.annotations
        most = predictor.max_replicas
        if 0 < most < stable.replicas:
            raise InvalidInput(
                f"{self.path} has {where}maxReplicas {most}, expected at least minReplicas "
                f"{stable.replicas}"
            )
        if most and not manifest.is_knative and annotations.get(_CLASS) == "none":
            self.ignored.append(f"{self.path}: {where}maxReplicas, as the autoscalerClass is none")
            most = 0
        metric = predictor.scale_metric or ("concurrency" if manifest.is_knative else "cpu")
        if most > 0 and metric != "concurrency":
            # Scaling still follows the traffic within its bounds, but by concurrency.
            self.ignored.append(f"{self.path}: {where}scaleMetric {metric}: concurrency is used")
        target = predictor.scale_target if metric == "concurrency" else 0
        window = self._seconds(annotations, _WINDOW, usual.idle, _SHORTEST_WINDOW)
        retention = self._seconds(annotations, _RETENTION, 0.0, 0.0)
        return Scaling(most, target or usual.target, window + retention)

    def _seconds(
        self, annotations: Mapping[str, object], key: str, usual: float, least: float
    ) -> float:
        value = annotations.get(key)
        if value is None:
            return usual
        seconds = parse_seconds(value, f"{self.path}: annotation {key}")
        if not least <= seconds <= _LONGEST:
            raise InvalidInput(
                f"{self.path} has annotation {key} {value!r}, expected {least:g}s to 1h"
            )
        return seconds

    def _digest(self, uri: str, where: str) -> Digest:
        begin = f"{SCHEME}{self.platform.registry_prefix}/{self.model}@"
        if not uri.startswith(begin):
            raise InvalidInput(f"{self.path} has {where} {uri!r}, expected {begin}sha256:…")
        try:
            return Digest(uri.removeprefix(begin))
        except InvalidInput as error:
            raise InvalidInput(
                f"{self.path} has {where} without a digest: {error.message}"
            ) from error

    def require(self, value: object, key: str, allowed: Collection[str | None]) -> None:
        """Raise `InvalidInput` unless the field has one of these values."""
        if value not in allowed:
            expected = " or ".join(repr(each) for each in allowed if each is not None) or "none"
            raise InvalidInput(f"{self.path} has {key} {value!r}, expected {expected}")

    def _note_all(self, value: Mapping[str, JsonValue]) -> None:
        """List the fields that a cluster honours and one machine does not, after the form check.

        A field that is on no list is refused.
        """
        spec = members(value, "spec")
        self._note(spec, "spec.", manifest_fields.SPEC, manifest_fields.SPEC)
        self._note_predictor(members(spec, "predictor"), "spec.predictor.")
        canaries = spec.get("canary")
        for number, canary in enumerate(canaries if isinstance(canaries, list) else ()):
            where = f"spec.canary[{number}].predictor."
            predictor = members(canary if isinstance(canary, dict) else {}, "predictor")
            for key in NOT_ON_CANARY:
                if key in predictor:
                    raise InvalidInput(f"{self.path} has {where}{key}, which KServe refuses")
            self._note_predictor(predictor, where)

    def _note_predictor(self, predictor: Mapping[str, JsonValue], where: str) -> None:
        known, honoured = manifest_fields.PREDICTOR, manifest_fields.HONOURED_PREDICTOR
        self._note(predictor, where, known, honoured)
        source, inner = members(predictor, "model"), where + "model."
        self._note(source, inner, manifest_fields.MODEL, manifest_fields.HONOURED_MODEL)
        named = members(source, "modelFormat").get("name", MODEL_FORMATS[0])
        self.require(named, f"{inner}modelFormat.name", MODEL_FORMATS)
        resources = members(source, "resources")
        self._note(resources, inner + "resources.", None, {"limits"})
        self._note(members(resources, "limits"), inner + "resources.limits.", None, {"memory"})

    def _note(
        self,
        value: Mapping[str, JsonValue],
        where: str,
        known: Set[str] | None,
        honoured: Set[str],
    ) -> None:
        """List the keys that are not honoured. Raises `InvalidInput` for one that is not known."""
        for key in value:
            if known is not None and key not in known:
                raise InvalidInput(
                    f"{self.path} has {where}{key}, which may bring in code, a model or a right "
                    f"that nobody signed: expected only {', '.join(sorted(known))}"
                )
            if key not in honoured:
                self.ignored.append(f"{self.path}: {where}{key}")


def is_count_variable(value: JsonValue) -> bool:
    """Whether an entry of `env` sets one of `VARIABLES` to a count, and says nothing else."""
    if not isinstance(value, dict) or value.keys() != {"name", "value"}:
        return False
    text = value["value"]
    return value["name"] in VARIABLES and isinstance(text, str) and bool(_COUNT.fullmatch(text))


def members(value: Mapping[str, JsonValue], key: str) -> dict[str, JsonValue]:
    """Return a mapping inside a mapping; an empty one for anything else."""
    inner = value.get(key)
    return dict(inner) if isinstance(inner, dict) else {}


def check_shares(slots: tuple[Slot, ...], what: str) -> None:
    """Raise `InvalidInput` unless the traffic can be split by these shares."""
    if not slots:
        raise InvalidInput(f"{what} has no release")
    if len({slot.name for slot in slots}) != len(slots):
        raise InvalidInput(f"{what} has the same release twice")
    if any(not 0 <= slot.percent <= 100 for slot in slots):
        raise InvalidInput(f"{what} has shares that are not between 0 and 100")
    if sum(slot.percent for slot in slots) != 100:
        raise InvalidInput(f"{what} has shares that do not add up to 100")
