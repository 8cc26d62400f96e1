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
DRIFT_THRESHOLD = "ml.drift.threshold"  # gauge, 1: an e-value
DRIFT_ANSWER = "ml.drift.answer"  # gauge, {answer}: 1 for the present answer, 0 for the others
DRIFT_BUDGET_LEFT = "ml.drift.budget_left"  # gauge, {alarm}: of the false alarms of a year
FINDINGS_OPEN = "ml.findings.open"  # gauge, {finding}
OBSERVED_TIME = "ml.observed.time"  # gauge, s since 1970: of the newest answer
REFUSALS = "ml.refusals"  # counter, {request}
LOG_RECORDS = "ml.log.records"  # counter, {record}
LOG_LOST = "ml.log.lost"  # counter, {record}
LOG_STUCK = "goldenpath.log.stuck"  # gauge without unit: 1 while records cannot be sealed
HOME_FREE = "goldenpath.home.free"  # gauge, By
BUILD_INFO = "goldenpath.build.info"  # gauge without unit: 1
TELEMETRY_DROPPED = "goldenpath.telemetry.dropped"  # counter, {message}
ALARMS_WAITING = "goldenpath.alarms.waiting"  # gauge, {message}
ALARMS_HELD_BACK = "goldenpath.alarms.held_back"  # gauge, {message}

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
    DRIFT_THRESHOLD: "E-value at which the drift detector alarms.",
    DRIFT_ANSWER: "1 for the present answer of the drift detector, 0 for the others.",
    DRIFT_BUDGET_LEFT: "False alarms that the contract allows in a year, less its findings.",
    FINDINGS_OPEN: "Findings that are open, by kind.",
    OBSERVED_TIME: "When the newest answer that was observed came, in seconds since 1970.",
    REFUSALS: "Requests that were refused, by reason.",
    LOG_RECORDS: "Predictions in the sealed log.",
    LOG_LOST: "Predictions that were answered but could not be recorded.",
    LOG_STUCK: "1 while records cannot be sealed and wait in the spool, else 0.",
    HOME_FREE: "Free bytes on the disk of the home.",
    BUILD_INFO: "1, with the version of goldenpath.",
    TELEMETRY_DROPPED: "Messages that the OTLP receiver did not take.",
    ALARMS_WAITING: "Alarms that wait in the outbox of a channel.",
    ALARMS_HELD_BACK: "Alarms for which the outbox of a channel has no room.",
}
"""Description of each metric, as exporters and dashboards show it."""

# Attributes.
MODEL_NAME = "ml.model.name"
FEATURE_NAME = "ml.feature.name"
FEATURE_BIN_LABEL = "ml.feature.bin.label"
OUTCOME = "ml.prediction.outcome"
ANSWER = "ml.answer"
FINDING_KIND = "ml.finding.kind"
REFUSAL_REASON = "ml.refusal.reason"
VERSION = "goldenpath.version"
CHANNEL = "goldenpath.alarm.channel"
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
