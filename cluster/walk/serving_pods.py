"""Our server's image as a real pod: a model that the node mounts, and one that we fetch."""

import http.client
import json
import shutil
from pathlib import Path

from cluster.addresses import HOST
from cluster.control_plane import KubectlFailed
from cluster.objects import apply
from cluster.walk.load import GatewayAddress, ask_many
from cluster.walk.record import WalkRecord, await_value
from cluster.walk.road import MODEL, ClusterRoad
from cluster.walk.stages import (
    Scene,
    WalkImages,
    await_ready,
    namespace_of,
    route,
    service,
    service_name,
)

BODY = json.dumps(
    {
        "inputs": [
            {
                "name": "features",
                "shape": [1, 6],
                "datatype": "FP32",
                "data": [50_000, 40, 1, 0, 20_000, 1_500],
            }
        ]
    }
).encode("utf-8")


def build_images(road: ClusterRoad, record: WalkRecord) -> WalkImages:
    """Build our images without a container engine, into the registry of the cluster."""
    digests = []
    for role in ("server", "initializer", "jobs"):
        place = f"{road.registry.host}/platform/{role}"
        made = road.ask(f"image build --role {role} --store oci://{place}:walk")
        digests.append(f"{place}@{made['digest']}")
        record.note(f"image of the {role}, compressed", f"{_megabytes(made['size'])} MB")
    return WalkImages(*digests)


def _megabytes(size: object) -> str:
    return f"{int(str(size)) / 1e6:.1f}"


def serve_mounted(scene: Scene, record: WalkRecord, digest: str) -> None:
    """Serve a release whose files the node mounts as an image volume."""
    plane = scene.stack.plane
    apply(plane, [service(scene, digest, "dev"), route("dev", {digest: 100})])
    seconds = await_ready(scene, digest, "dev")
    record.note("a pod of our image is Ready, image volume", f"{seconds:.0f} s after apply")
    record.note("files of the model in the pod", _seen_in_pod(scene))
    _require_answers(scene, record, digest)
    runtime = scene.kubectl(
        *("-n", namespace_of("dev"), "get", "inferenceservice", service_name(digest)),
        *("-o", "jsonpath={.status.servingRuntimeName}"),
    )
    record.require(runtime == "goldenpath", "KServe takes the runtime that we name", runtime)


def serve_fetched(scene: Scene, record: WalkRecord, digest: str) -> None:
    """Serve a release that our initializer verifies and unpacks before the server starts."""
    plane = scene.stack.plane
    plane.kubectl("-n", namespace_of("dev"), "delete", "inferenceservice", service_name(digest))
    item = service(scene, digest, "test", "goldenpath+oci")
    apply(plane, [item, route("test", {digest: 100})])
    seconds = await_ready(scene, digest, "test")
    record.note("a pod of our image is Ready, verifying initializer", f"{seconds:.0f} s")
    log = plane.kubectl(
        *("-n", namespace_of("test"), "logs", "-l", f"app=isvc.{service_name(digest)}-predictor"),
        *("-c", "storage-initializer"),
    )
    record.require("(verified)" in log, "the initializer verified it", log.splitlines()[-1])
    _require_answers(scene, record, digest, "test")


def refuse_unsigned(scene: Scene, record: WalkRecord, digest: str) -> None:
    """Show that files nobody signed reach no server: the initializer exits with 4."""
    other = f"{scene.road.prefix}/unsigned"
    scene.road.run(f"push {digest} {other}:bare --no-referrers")
    item = service(scene, digest, "test", "goldenpath+oci")
    text = json.dumps(item).replace(f"{scene.road.prefix}/{MODEL}@", f"{other}@")
    text = text.replace(f'"name": "{service_name(digest)}"', '"name": "unsigned"')
    apply(scene.stack.plane, [json.loads(text)])
    shown = "jsonpath={.items[*].status.initContainerStatuses[*]..exitCode}"
    place = ("-n", namespace_of("test"), "get", "pods", "-l", "app=isvc.unsigned-predictor")

    def exit_code() -> str:
        return scene.kubectl(*place, "-o", shown).strip()

    seen = await_value(exit_code, lambda value: value.startswith("4"), 90, "the initializer ends")
    record.note("a release without its statements is not unpacked, exit code", seen.split()[0])
    scene.kubectl("-n", namespace_of("test"), "delete", "inferenceservice", "unsigned")


def refuse_old_form(scene: Scene, record: WalkRecord, digest: str) -> None:
    """Ask KServe's own webhook about the field that files of 0.1 have."""
    item = service(scene, digest, "dev")
    text = json.dumps(item).replace('"runtime"', '"name": "kserve-container", "runtime"')
    try:
        apply(scene.stack.plane, [json.loads(text)], "--dry-run=server")
    except KubectlFailed as error:
        seen = str(error).rpartition("denied the request:")[2].strip() or str(error)
        record.require("name" in seen, "KServe's webhook refuses the form of 0.1", seen)
    else:
        record.require(False, "KServe's webhook refuses the form of 0.1", "it was admitted")


def _require_answers(scene: Scene, record: WalkRecord, digest: str, stage: str = "dev") -> None:
    address = scene.address(stage)

    def first() -> str:
        return str(ask_many(address, BODY, 1, 1))

    await_value(first, lambda value: "lost 0" in value, 60, f"{stage} answers at the Gateway")
    answers = ask_many(address, BODY, 100)
    claim = "100 requests of the v2 protocol through the Gateway name the release"
    record.require(answers.by_release[digest] == 100, claim, answers)
    metadata = json.loads(_get(address, f"/v2/models/{MODEL}"))
    release = metadata["goldenpath"]["release"]
    is_verified = release["digest"] == digest and release["mark"] == "verified"
    record.require(is_verified, "the server says of its release", release)


def _get(address: GatewayAddress, path: str) -> bytes:
    connection = http.client.HTTPConnection(HOST, address.port, timeout=30)
    connection.request("GET", path, headers={"host": address.host})
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


def _seen_in_pod(scene: Scene) -> str:
    """Return where the files stand below /mnt/models of the running server."""
    for line in scene.stack.node.ctr("tasks", "list").splitlines()[1:]:
        folder = Path("/proc") / line.split()[1] / "root" / "mnt" / "models"
        if folder.is_dir():
            names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.onnx"))
            return f"/mnt/models/{names[0]}" if names else "no model"
    return "no pod"


def share_caches(home: Path, cache: Path) -> None:
    """Keep layers of images and environments of projects between two walks."""
    home.mkdir(parents=True, exist_ok=True)
    for name in ("images", "kept"):
        (cache / name).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(home / name, ignore_errors=True)
        (home / name).symlink_to(cache / name)
