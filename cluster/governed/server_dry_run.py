"""Asks an API server what it would do with an object, and stores nothing."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from cluster.addresses import HOST
from cluster.control_plane import ControlPlane
from goldenpath.canonical import JsonValue
from goldenpath.deploy.policies.case_verdicts import CaseResult
from goldenpath.deploy.policies.policy_cases import PolicyCase, Verdict

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ServerDryRun:
    """One API server; each object is created with `dryRun=All`, as `kubectl` does."""

    plane: ControlPlane

    def judge(self, case: PolicyCase) -> CaseResult:
        """Return what becomes of a case. An object of that name that exists already is no "no"."""
        request = case.request()
        root = f"/apis/{request.group}/{request.version}" if request.group else "/api/v1"
        namespace = _text(case.manifest, "metadata", "namespace")
        path = f"{root}/namespaces/{namespace}/{request.resource}?dryRun=All"
        status, answer = self._post(path, case.manifest)
        message = str(answer.get("message", ""))
        verdict: Verdict | None
        if status in (200, 201):
            verdict = "admitted"
        elif status == http.HTTPStatus.CONFLICT and answer.get("reason") == "AlreadyExists":
            # Admission comes first: an object that is refused never gets that far.
            verdict = "admitted"
        elif status in (400, 403, 422) or "denied the request" in message:
            # A webhook of KServe that panics answers 500 and denies the request.
            verdict = "refused"
        else:
            verdict = None
        return CaseResult(case.name, case.expected, verdict, message)

    def _post(
        self, path: str, item: Mapping[str, JsonValue]
    ) -> tuple[int, Mapping[str, JsonValue]]:
        context = ssl.create_default_context(cafile=str(self.plane.authority))
        connection = http.client.HTTPSConnection(
            HOST, self.plane.port, timeout=_SECONDS, context=context
        )
        headers = {
            "Authorization": f"Bearer {self.plane.token}",
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", path, json.dumps(item), headers)
            response = connection.getresponse()
            value = json.loads(response.read())
        finally:
            connection.close()
        return response.status, value if isinstance(value, dict) else {}


def _text(item: Mapping[str, JsonValue], *path: str) -> str:
    value: JsonValue = dict(item)
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return str(value)
