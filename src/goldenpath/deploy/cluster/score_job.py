"""A Kubernetes Job that scores data in a bucket by a release that the stage serves.

It runs the image of the jobs and brings in no model: it asks the servers of one release, which
admission let in, by the address that KServe gives them. So contract, policy and records are theirs.
Parts of the result lie in the bucket, so a pod that is killed is replaced by one that goes on.
"""

import re
from dataclasses import dataclass, replace

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import members
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.manifests.object_names import backend_name, namespace_of, service_name
from goldenpath.serve.table.batch_scoring import ScoreOptions

FOLDER = "cluster/scores"
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")
"""Kubernetes gives the pods of a Job its name and six characters; a label has at most 63."""
_IMAGE = re.compile(r"[^\s@]+@sha256:(?!0{64})[0-9a-f]{64}")
_BUCKET = re.compile(r"s3://[^\s/]+/\S+")
_LAST_CODES: list[JsonValue] = [2, 3, 4, 7]
"""Exit codes that another try would give again: wrong input, not there, not trusted, refused."""
_DAY = 86_400
_USER = 65_532


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """What one Job does, and what it runs by."""

    name: str
    stage: str
    model: str
    release: Digest
    arguments: tuple[str, ...]
    image: str = ""
    gitops: str = ""
    trust: str = ""
    authorities: str = ""

    @property
    def path(self) -> str:
        """Where it stands in the gitops repository."""
        return f"{FOLDER}/{self.stage}/{self.name}.yaml"

    def placed(self, values: bytes) -> "ScoreJob":
        """Return the job with the image and the addresses of the platform's values.

        Raises `InvalidInput` if the values pin no image of the jobs by its digest.
        """
        data = members(parse_yaml(values, "values.yaml").get("data"))
        image = str(data.get("jobsImage", ""))
        if not _IMAGE.fullmatch(image):
            raise InvalidInput(
                f"jobsImage of the values is {image!r}: expected an image by its digest",
                hint="goldenpath image build --role jobs --store oci://…, then "
                "goldenpath platform write cluster/values/values.yaml FILE --reason WHY",
            )
        return replace(
            self,
            image=image,
            gitops=str(data.get("gitops", "")),
            trust=str(data.get("trust", "")),
            authorities=str(data.get("authoritiesFile", "")),
        )


def accounts_path(stage: str) -> str:
    """Return the file with the account by which the jobs of a stage run."""
    return f"{FOLDER}/{stage}/account.yaml"


def score_job(
    name: str, deployment: Deployment, release: Digest, wish: ScoreOptions, *, concurrency: int
) -> ScoreJob:
    """Return the job that asks `release`. Raises `InvalidInput` for what a pod could not do."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"the name of a job is {name!r}: expected a small letter, then at most 49 small "
            "letters, digits and hyphens"
        )
    for what, url in (("DATA", wish.data), ("--out", wish.out)):
        if not _BUCKET.fullmatch(str(url)):
            raise InvalidInput(
                f"{what} is {str(url)!r}: expected s3://BUCKET/KEY, since a pod has no files of "
                "this machine"
            )
    if deployment.form != "routed":
        raise InvalidInput(
            f"{deployment.name} has all releases in one service, so none can be asked alone",
            hint="goldenpath platform convert --reason …",
        )
    stage, model = deployment.stage, deployment.model
    host = f"{backend_name(service_name(model, release))}.{namespace_of(stage)}.svc"
    flags = {
        "stage": stage,
        "out": str(wish.out),
        "release": release.text,
        "server": f"http://{host}",
        "keep": ",".join(wish.keep),
        "subject": wish.subject,
        "concurrency": str(concurrency),
        **wish.labels,
    }
    arguments = [f"--{flag}={value}" for flag, value in flags.items() if value]
    arguments += ["--", model, str(wish.data)]
    # Kubernetes would replace $(NAME) by a variable, such as the key of the bucket.
    return ScoreJob(
        name, stage, model, release, tuple(each.replace("$", "$$") for each in arguments)
    )


def render_score_job(job: ScoreJob) -> bytes:
    """Return the Job as YAML."""
    labels: dict[str, JsonValue] = {"app": "score", "goldenpath.example/model": job.model}
    return render_yaml(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": job.name, "namespace": namespace_of(job.stage), "labels": labels},
            "spec": {
                "backoffLimit": 6,
                "activeDeadlineSeconds": _DAY,
                "podFailurePolicy": {
                    "rules": [
                        {
                            "action": "FailJob",
                            "onExitCodes": {
                                "containerName": "score", "operator": "In", "values": _LAST_CODES,
                            },
                        }
                    ]
                },
                "template": {"metadata": {"labels": labels}, "spec": _pod(job)},
            },
        }
    )  # fmt: skip


def _pod(job: ScoreJob) -> dict[str, JsonValue]:
    return {
        "serviceAccountName": "score",
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(job)],
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": "16Gi"}},
            # 288 is 0440: the group may read it.
            {
                "name": "git",
                "secret": {"secretName": "git-key", "defaultMode": 288, "optional": True},
            },
            {
                "name": "registry",
                "secret": {
                    "secretName": "registry",
                    "optional": True,
                    "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
                },
            },
            {
                "name": "authorities",
                "configMap": {"name": "goldenpath-authorities", "optional": True},
            },
        ],
    }


def _container(job: ScoreJob) -> dict[str, JsonValue]:
    variables = {
        "GOLDENPATH_GITOPS": job.gitops,
        "GOLDENPATH_TRUST": job.trust,
        "GOLDENPATH_HOME": "/tmp/goldenpath",  # noqa: S108 - an empty folder of the pod alone
        "DOCKER_CONFIG": "/etc/registry",
        "GOLDENPATH_CA_FILE": job.authorities,
    }
    mounts = {"git": "/var/run/git", "registry": "/etc/registry", "authorities": "/etc/authorities"}
    volumes: list[JsonValue] = [{"name": "scratch", "mountPath": "/tmp"}]  # noqa: S108
    volumes += [
        {"name": name, "mountPath": path, "readOnly": True} for name, path in mounts.items()
    ]
    return {
        "name": "score",
        "image": job.image,
        "args": ["score", *job.arguments],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        # Variables by which it reads and writes buckets, such as AWS_ACCESS_KEY_ID.
        "envFrom": [{"secretRef": {"name": "score-store", "optional": True}}],
        "resources": {
            "requests": {"cpu": "250m", "memory": "512Mi"},
            "limits": {"memory": "2Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": volumes,
    }
