"""Names of a model's objects in a cluster, and how long the name of a model may be.

KServe builds the first label of a host name from the service and the namespace. A DNS label has at
most 63 characters (RFC 1035, 2.3.4). A longer one is refused by nobody, but never becomes Ready.
"""

import re
from collections.abc import Iterable

from goldenpath.digest import Digest

LONGEST_LABEL = 63
_HEX = 8
SERVICE_NAME = re.compile(rf"(?P<model>[a-z](?:[-a-z0-9]*[a-z0-9])?)-(?P<hex>[0-9a-f]{{{_HEX}}})")
"""The name of an InferenceService that holds one release."""
_BACKEND = "-predictor"


def namespace_of(stage: str) -> str:
    """Return the namespace of a stage's models."""
    return f"models-{stage}"


def service_name(model: str, digest: Digest) -> str:
    """Return the name of the InferenceService of one release."""
    return f"{model}-{digest.hex[:_HEX]}"


def backend_name(service: str) -> str:
    """Return the name of the Kubernetes Service that KServe makes for an InferenceService."""
    return f"{service}{_BACKEND}"


def service_of_backend(backend: str) -> str:
    """Return the InferenceService behind a Kubernetes Service; empty if it is none of ours."""
    service = backend.removesuffix(_BACKEND)
    return service if service != backend and SERVICE_NAME.fullmatch(service) else ""


def route_name(model: str) -> str:
    """Return the name of the HTTPRoute of a model.

    KServe makes a route of its own for each service, named like it. No service ends with `-route`.
    """
    return f"{model}-route"


def host_prefix(stage: str, model: str) -> str:
    """Return how every host name of a model's route begins; the domain follows."""
    return f"{model}.{stage}."


def longest_model(stage: str) -> int:
    """Return how many characters the name of a model in this stage may have."""
    return LONGEST_LABEL - len(f"-{'0' * _HEX}{_BACKEND}-{namespace_of(stage)}")


def length_refusal(model: str, stages: Iterable[str]) -> str:
    """Return why the name of a model is too long for one of the stages; empty if it is not."""
    least, stage = min(((longest_model(each), each) for each in stages), default=(len(model), ""))
    if len(model) <= least:
        return ""
    if least < 1:
        return f"the stage {stage} has too long a name for any model in a cluster"
    label = f"{backend_name(f'{model}-<{_HEX} hex>')}-{namespace_of(stage)}"
    return (
        f"the model name {model!r} has {len(model)} characters: expected at most {least}, since "
        f"{label} has to fit the {LONGEST_LABEL} characters of a DNS label"
    )
