"""The fields of an InferenceService that may be there at all: an allow list.

Every other field is a way in for code, a model or a right that nobody signed: containers, volumes,
another storage, another runtime, an address that gets copies of requests. Such a file is refused.
"""

HONOURED_PREDICTOR = frozenset(
    {
        "name", "model", "canaryTrafficPercent", "minReplicas", "maxReplicas", "scaleTarget",
        "scaleMetric",
    }
)  # fmt: skip
HONOURED_MODEL = frozenset(
    {"name", "modelFormat", "protocolVersion", "storageUri", "env", "resources", "runtime"}
)

SCHEDULING = frozenset(
    {
        "activeDeadlineSeconds", "affinity", "annotations", "autoScaling", "batcher",
        "containerConcurrency", "deploymentStrategy", "labels", "nodeSelector", "overhead",
        "preemptionPolicy", "priorityClassName", "scaleMetricType", "schedulerName",
        "terminationGracePeriodSeconds", "timeout", "tolerations", "topologySpreadConstraints",
    }
)  # fmt: skip
"""Fields of a predictor that a cluster honours and one machine does not: where and when it runs."""
PREDICTOR_RIGHTS = frozenset(
    {
        "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "imagePullSecrets",
        "runtimeClassName", "securityContext", "serviceAccountName",
    }
)  # fmt: skip
"""Fields of a predictor that give rights in a cluster. Changing one needs two people."""
MODEL_ELSEWHERE = frozenset(
    {
        "imagePullPolicy", "resizePolicy", "securityContext", "terminationMessagePath",
        "terminationMessagePolicy",
    }
)  # fmt: skip
"""Fields of a model that a cluster honours and one machine does not."""

SPEC = frozenset({"predictor", "canary"})
PREDICTOR = HONOURED_PREDICTOR | SCHEDULING | PREDICTOR_RIGHTS
MODEL = HONOURED_MODEL | MODEL_ELSEWHERE
MODEL_FORMATS = ("onnx",)
"""The formats that a file may name. A runtime has to support the one that is named."""
