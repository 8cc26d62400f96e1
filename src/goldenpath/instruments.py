"""Names of every span, metric and attribute, with unit and kind.

A name follows the OpenTelemetry semantic conventions where there is one. The names `ml.*` are our
own, since the conventions have none for inference of classic models yet.
"""

# Metrics.
REQUEST_DURATION = "http.server.request.duration"  # histogram, s
REQUEST_DURATION_BOUNDS = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
INFERENCE_DURATION = "ml.inference.duration"  # histogram, s, without HTTP
INFERENCE_DURATION_BOUNDS = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
)  # fmt: skip
PREDICTIONS = "ml.predictions"  # counter, {prediction}
PREDICTION_SCORE = "ml.prediction.score"  # histogram, 1
PREDICTION_OUTCOME = "ml.prediction.outcome"  # counter, {prediction}
SLICE_OUTCOME = "ml.prediction.slice.outcome"  # counter, {prediction}
FEATURE_BIN = "ml.feature.bin"  # counter, {value}: one bin of the signed reference profile
FEATURE_OUT_OF_RANGE = "ml.feature.out_of_range"  # counter, {value}
DRIFT_PSI = "ml.drift.psi"  # gauge, {nat}
DRIFT_EVIDENCE = "ml.drift.evidence"  # gauge, 1: the e-value, an alarm at its threshold
LOG_RECORDS = "ml.log.records"  # counter, {record}
LOG_LOST = "ml.log.lost"  # counter, {record}

DESCRIPTIONS = {
    REQUEST_DURATION: "Time from a complete request to its answer.",
    INFERENCE_DURATION: "Time that the model took for the batch of a request.",
    PREDICTIONS: "Rows that were scored.",
    PREDICTION_SCORE: "Scores, by the bounds of the signed reference profile.",
    PREDICTION_OUTCOME: "Decisions by the packaged policy.",
    SLICE_OUTCOME: "Decisions by the packaged policy in a slice that the contract declares.",
    FEATURE_BIN: "Values of an input or of the score in a bin of the signed reference profile.",
    FEATURE_OUT_OF_RANGE: "Values outside the range of the training data.",
    DRIFT_PSI: "Population stability index against the reference.",
    DRIFT_EVIDENCE: "E-value of the drift detector; an alarm at the threshold of its budget.",
    LOG_RECORDS: "Predictions in the sealed log.",
    LOG_LOST: "Predictions that were answered but could not be recorded.",
}
"""Description of each metric, as exporters and dashboards show it."""

# Attributes.
MODEL_NAME = "ml.model.name"
FEATURE_NAME = "ml.feature.name"
FEATURE_BIN_LABEL = "ml.feature.bin.label"
OUTCOME = "ml.prediction.outcome"
SLICE_LABEL = "ml.slice.label"
OUTPUT_NAME = "ml.output.name"
ERROR_TYPE = "error.type"
MANIFEST_DIGEST = "oci.manifest.digest"
SLOT = "goldenpath.slot"
PREDICTION_ID = "goldenpath.prediction.id"
PREDICTION_ROWS = "goldenpath.prediction.rows"
ENVIRONMENT = "deployment.environment.name"
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
SERVICE_INSTANCE = "service.instance.id"
STATUS_CODE = "http.response.status_code"
REQUEST_METHOD = "http.request.method"
ROUTE = "http.route"
URL_SCHEME = "url.scheme"
URL_PATH = "url.path"

# HTTP headers of an answer.
HEADER_PREDICTION = "x-goldenpath-prediction-id"
HEADER_RELEASE = "x-goldenpath-release"
HEADER_SLOT = "x-goldenpath-slot"
# HTTP headers of a request.
HEADER_SUBJECT = "x-goldenpath-subject"
HEADER_SHADOW = "x-goldenpath-shadow"
"""From the gateway to a model server: the answer is only compared and never used."""
HEADER_CANARY = "x-goldenpath-canary"
"""From the gateway to a model server: its release is the canary beside the stable release."""
HEADER_CALLER = "x-goldenpath-caller"
"""From listener to gateway to model server: the caller's name by its client certificate."""
