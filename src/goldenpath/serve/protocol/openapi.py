"""The OpenAPI document of a release, made from its contract."""

from collections.abc import Mapping
from typing import get_args

from goldenpath.canonical import JsonValue
from goldenpath.instruments import HEADER_PREDICTION, HEADER_RELEASE, HEADER_SLOT
from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.project.task.feature_parts import DeclaredFeature, declared_features
from goldenpath.serve.protocol.open_inference import MOST_SUBJECT
from goldenpath.serve.protocol.release_identity import outputs_of
from goldenpath.serve.protocol.request_context import Oversight
from goldenpath.serve.protocol.request_parameters import LABEL, LONGEST_REFERENCE, MOST_KINDS
from goldenpath.serve.protocol.tensors import DATATYPES, MOST_ROWS

Schema = dict[str, JsonValue]


def document(contract: Contract, release: str) -> Schema:
    """Return the OpenAPI 3.1 document of this release."""
    model = contract.name
    paths: Schema = {
        "/v2/health/live": _get("Whether the server lives", "live"),
        "/v2/health/ready": _get("Whether the server answers", "ready"),
        "/v2": _get("What the server is", "object"),
        f"/v2/models/{model}": _get("What the model takes and gives", "object"),
        f"/v2/models/{model}/ready": _get("Whether the model answers", "object"),
        f"/v2/models/{model}/infer": _post("Score rows", "InferRequest", "InferAnswer"),
        f"/v1/models/{model}/predict": _post("Decide on rows", "TabularRequest", "TabularAnswer"),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": model, "version": release},
        "paths": paths,
        "components": {"schemas": _schemas(contract)},
    }


def _schemas(contract: Contract) -> Schema:
    text: Schema = {"type": "string"}
    decision = _decision(contract)
    if contract.reasons is not None:
        codes: list[JsonValue] = [reason.code for reason in contract.reasons.codes]
        given: Schema = {"code": {"enum": codes}, "text": text, "weight": {"type": "number"}}
        decision["reasons"] = {**_list(_object(given)), "maxItems": contract.reasons.most}
    output: Schema = {
        "name": {"enum": [*outputs_of(contract)]},
        "shape": _list({"type": "integer"}),
        "datatype": {"const": "FP32"},
        "data": _list({"type": "number"}),
    }
    identification: Schema = {"release": text, "slot": text, "prediction_id": text}
    return {
        "live": _object({"live": {"type": "boolean"}}),
        "ready": _object({"ready": {"type": "boolean"}}),
        "object": {"type": "object"},
        "Error": _object({"error": text}),
        "Row": _row(contract),
        "InferRequest": _infer_request(contract),
        "InferAnswer": _object(
            {
                "model_name": text,
                "model_version": text,
                "id": text,
                "parameters": _object(identification),
                "outputs": _list(_object(output)),
            }
        ),
        "TabularRequest": _object(
            {
                "rows": _rows(),
                "subjects": _subjects(),
                "id": _name(),
                "parameters": _parameters(_request_context()),
            },
            required=["rows"],
        ),
        "TabularAnswer": _object(
            {
                "model": text,
                **identification,
                "id": text,
                "decisions": _list(_object(decision, required=["id", "score", "band", "outcome"])),
            }
        ),
    }


def _decision(contract: Contract) -> Schema:
    """Return the answer of one row: its number, and what follows from it."""
    low, high, policy = 0.0, 1.0, contract.decision
    if contract.value is not None:
        low, high = contract.value.minimum, contract.value.maximum
    bands: list[JsonValue] = [band.name for band in policy.bands] if policy is not None else []
    outcomes: list[JsonValue] = [*AnswerRules(contract).outcomes]
    if contract.decision is None and not contract.classes:
        outcomes = [None]
    decision: Schema = {
        "id": {"type": "string"},
        "score": {"type": ["number", "null"], "minimum": low, "maximum": high},
        "band": {"enum": [*bands, None]},
        "outcome": {"enum": outcomes},
        "fallback": {"type": "boolean"},
    }
    if contract.value is not None:
        decision["unit"] = {"const": contract.value.unit}
    if contract.classes:
        share: Schema = {"type": "number", "minimum": 0, "maximum": 1}
        names: list[JsonValue] = [*contract.classes]
        decision["class"] = {"enum": names}
        decision["probabilities"] = _object(dict.fromkeys(contract.classes, share))
    return decision


def _infer_request(contract: Contract) -> Schema:
    declared = declared_features(contract)
    own = dict.fromkeys((*(f.name for f in contract.features), *(each.name for each in declared)))
    names: list[JsonValue] = [contract.input_tensor, *own]
    has_labels = any(each.part in ("days", "text") for each in declared) or any(
        feature.labels or feature.texts for feature in contract.features
    )
    types: list[JsonValue] = [*(DATATYPES if has_labels else DATATYPES[:-1])]
    kinds: list[JsonValue] = ["number", "boolean", "null", "array"]
    # Its length is the product of the shape, which a schema cannot express.
    data: Schema = {
        "type": ["array", "null"],
        "items": {"type": [*kinds, *(["string"] if has_labels else [])]},
    }
    tensor: Schema = {
        "name": {"enum": names},
        "shape": {**_list({"type": "integer", "minimum": 1}), "minItems": 1, "maxItems": 2},
        "datatype": {"enum": types},
        "data": data,
        "parameters": _parameters(
            {
                "binary_data_size": {"type": ["integer", "null"]},
                "binary_data": {"type": ["boolean", "null"]},
            }
        ),
    }
    inputs = _list(_object(tensor, required=["name", "shape", "datatype"]))
    output: Schema = {
        "name": {"enum": [*outputs_of(contract)]},
        "parameters": _parameters({"binary_data": {"type": ["boolean", "null"]}}),
    }
    outputs = _list(_object(output, required=["name"]))
    return _object(
        {
            "id": _name(),
            "parameters": _parameters(
                {**_request_context(), "binary_data_output": {"type": "boolean"}}
            ),
            "inputs": {**inputs, "minItems": 1, "maxItems": max(1, len(contract.features))},
            "outputs": {
                **outputs,
                "type": ["array", "null"],
                "maxItems": len(outputs_of(contract)),
            },
        },
        required=["inputs"],
    )


def _parameters(meant: Schema) -> Schema:
    """Return a schema of the known parameters; others are allowed and ignored."""
    return {"type": ["object", "null"], "properties": meant}


def _request_context() -> Schema:
    """Return schemas of the request context, which goes into the record."""
    label: Schema = {"type": "string", "pattern": f"^({LABEL})?$"}
    reference: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_REFERENCE}
    kinds: Schema = {
        "type": "object",
        "propertyNames": {"pattern": f"^{LABEL}$"},
        "additionalProperties": reference,
        "maxProperties": MOST_KINDS,
    }
    return {
        "subjects": {**_subjects(), "type": ["array", "string", "null"]},
        "process": label,
        "channel": label,
        "oversight": {"enum": [*get_args(Oversight)]},
        "features_at": {"type": ["string", "null"], "format": "date-time"},
        "reference_data": {"type": ["array", "string", "null"], "items": kinds},
    }


def _subjects() -> Schema:
    """The person whom each row is about; one for each row, which a schema cannot express."""
    return {"type": ["array", "null"], "items": _name()}


def _name() -> Schema:
    return {"type": "string", "maxLength": MOST_SUBJECT}


def _row(contract: Contract) -> Schema:
    declared = [(each, contract.features[each.start]) for each in declared_features(contract)]
    required: list[JsonValue] = [each.name for each, first in declared if not first.missing]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {each.name: _declared(each, first) for each, first in declared},
        "required": required,
    }


def _declared(declared: DeclaredFeature, first: Feature) -> Schema:
    """Return the schema of a feature as callers send it; `first` is its first number."""
    if not declared.part:
        return _feature(first)
    missing = ["null"] if first.missing else []
    described: Schema = {"description": first.description} if first.description else {}
    size: Schema
    if declared.part == "days":
        return {"type": ["string", *missing], "format": "date-time", **described}
    if declared.part == "text":
        # A schema counts characters and the contract bytes, of which a character has at least one.
        least = 0 if first.missing else 1
        size = {"minLength": least, "maxLength": first.bytes}
        return {"type": ["string", *missing], **size, **described}
    item = {key: value for key, value in _feature(first).items() if key != "description"}
    size = {"minItems": declared.width, "maxItems": declared.width}
    return {"type": ["array", *missing], "items": item, **size, **described}


def _feature(feature: Feature) -> Schema:
    names = feature.labels or feature.texts
    kinds: list[JsonValue] = ["number", *(["string"] if names else [])]
    schema: Schema = {"type": [*kinds, "null"] if feature.missing else kinds}
    if feature.description:
        schema["description"] = feature.description
    if feature.kind == "category" and feature.categories:
        missing: list[JsonValue] = [None] if feature.missing else []
        digits = [int(text) for text in feature.texts if text.isdecimal() and len(text) < 16]
        codes: list[JsonValue] = [*(digits if feature.texts else feature.codes)]
        return schema | {"enum": [*codes, *names, *missing]}
    if feature.whole:
        schema["multipleOf"] = 1
    if feature.minimum is not None:
        schema["minimum"] = feature.minimum
    if feature.maximum is not None:
        schema["maximum"] = feature.maximum
    return schema


def _rows() -> Schema:
    return _list({"$ref": "#/components/schemas/Row"}) | {"minItems": 1, "maxItems": MOST_ROWS}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Schema, *, required: list[JsonValue] | None = None) -> Schema:
    needed: list[JsonValue] = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": needed}


def _get(summary: str, schema: str) -> JsonValue:
    return {"get": {"summary": summary, "responses": {"200": _answer("The answer", schema)}}}


def _post(summary: str, question: str, answer: str) -> JsonValue:
    answers: Schema = {"200": _answer("The answer", answer, _headers())}
    for status, meaning in _REFUSALS.items():
        answers[status] = _answer(meaning, "Error")
    body: Schema = {"required": True, "content": _json(question)}
    return {"post": {"summary": summary, "requestBody": body, "responses": answers}}


_REFUSALS: Mapping[str, str] = {
    "400": "The request is not understood",
    "413": "The body is too large",
    "415": "The body is of another type",
    "422": "A value does not fit the contract; says which column and row, and why",
    "500": "The model gave no score",
    "503": "Too much at once; try again after the seconds in retry-after",
}


def _headers() -> Schema:
    text: Schema = {"schema": {"type": "string"}}
    return {HEADER_PREDICTION: text, HEADER_RELEASE: text, HEADER_SLOT: text}


def _answer(description: str, schema: str, headers: Schema | None = None) -> Schema:
    answer: Schema = {"description": description, "content": _json(schema)}
    return answer | ({"headers": headers} if headers else {})


def _json(schema: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
