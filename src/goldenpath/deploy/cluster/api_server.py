"""The API server of the cluster that a pod runs in, asked by the token of the pod's account.

A desk asks by kubectl, which knows every way to log in. A pod has one way: a token and an authority
in a folder (Kubernetes, "Accessing the Kubernetes API from a Pod").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import members
from goldenpath.deploy.cluster.kubectl import ClusterAnswer
from goldenpath.errors import GoldenPathError, NotFound, Unavailable
from goldenpath.http.json_client import Rest

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts token and authority."""
HOST_VARIABLE, PORT_VARIABLE = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
_TOGETHER = 200
"""Objects of a list that are asked for at once: an answer stays below what is read."""
_MOST_PARTS = 500


class ClusterReader(Protocol):
    """What reads objects of a cluster: kubectl at a desk, or `ApiServer` in a pod."""

    def get(self, path: str) -> ClusterAnswer:
        """Return the object or list at a path of the API. Never raises."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One API server; the token is read for each request, since the kubelet renews it."""

    address: str
    account: Path = ACCOUNT

    @classmethod
    def of_pod(cls, environment: Mapping[str, str]) -> "ApiServer | None":
        """Return the API server that the kubelet names in the environment; None outside of one."""
        host, port = environment.get(HOST_VARIABLE), environment.get(PORT_VARIABLE, "443")
        if not host:
            return None
        return cls(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")

    def get(self, path: str) -> ClusterAnswer:
        """Return the object at a path; a list is read in parts, and is whole or unknown."""
        try:
            client = self._client()
            whole = dict(members(client.get(path, limit=str(_TOGETHER))))
            part: Mapping[str, JsonValue] = whole
            items = _items(whole)
            for _ in range(_MOST_PARTS):
                token = members(part.get("metadata")).get("continue")
                if not isinstance(token, str) or not token:
                    break
                query = {"limit": str(_TOGETHER), "continue": token}
                part = members(client.get(path, **query))
                items += _items(part)
            else:
                return ClusterAnswer("unknown", {}, f"{path} has too many objects to read")
        except NotFound as error:
            return ClusterAnswer("absent", {}, error.message)
        except GoldenPathError as error:
            return ClusterAnswer("unknown", {}, error.message)
        if not whole:
            return ClusterAnswer("unknown", {}, f"{path} is no JSON object")
        return ClusterAnswer("found", {**whole, "items": items} if "items" in whole else whole)

    def note(self, path: str, data: Mapping[str, str]) -> None:
        """Set members of the data of a ConfigMap. Raises like `Rest.merge`."""
        self._client().merge(path, {"data": dict(data)})

    def _client(self) -> Rest:
        try:
            token = (self.account / "token").read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"the token of this pod cannot be read: {error}") from error
        authority = self.account / "ca.crt"
        headers = {"Authorization": f"Bearer {token}"}
        ca_file = authority if authority.exists() else None
        return Rest(self.address, "the API server", headers, ca_file)


def _items(value: Mapping[str, JsonValue]) -> list[JsonValue]:
    items = value.get("items")
    return list(items) if isinstance(items, list) else []
