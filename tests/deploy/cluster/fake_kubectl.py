"""A program `kubectl` that asks a given API server, as far as goldenpath calls it."""

import sys
from pathlib import Path

from tests.deploy.cluster.fake_api_server import TOKEN, FakeApiServer

_PROGRAM = """#!{python}
import json, sys, urllib.error, urllib.request
PATHS = {{"InferenceService": "/apis/serving.kserve.io/v1beta1/namespaces/{{}}/inferenceservices"}}
words, body = sys.argv[1:], None
if "create" in words:
    assert "--dry-run=server" in words, words
    item = json.load(sys.stdin)
    body = json.dumps(item).encode()
    path = PATHS[item["kind"]].format(item["metadata"]["namespace"]) + "?dryRun=All"
else:
    path = words[words.index("--raw") + 1]
headers = {{"Authorization": "Bearer {token}"}}
request = urllib.request.Request("{address}" + path, data=body, headers=headers)
try:
    print(urllib.request.urlopen(request).read().decode())
except urllib.error.HTTPError as error:
    status = json.load(error)
    sys.exit(f"Error from server ({{status['reason']}}): {{status['message']}}")
"""


def install_kubectl(place: Path, server: FakeApiServer) -> None:
    """Write the program."""
    words = {"python": sys.executable, "address": server.address, "token": TOKEN}
    place.write_text(_PROGRAM.format(**words))
    place.chmod(0o755)
