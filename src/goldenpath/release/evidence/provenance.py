"""SLSA provenance v1 of a training run.

With a key on the machine that builds, this reaches build level 1. Level 2 needs a hosted builder
that holds the key. The provenance itself claims no level; the documentation explains it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.release.attest.contents import JOB
from goldenpath.release.attest.policy import NO_JOB, JobIdentity
from goldenpath.release.attest.statement import BUILD_TYPE, member
from goldenpath.release.evidence.contributions import Contributions, contributions_record
from goldenpath.train.training_run import Dataset, TrainingRun
from goldenpath.version import __version__

OBSERVED, DECLARED = "observed", "declared: not trained here"
"""What a build knows of the training: it ran it, or it was given the model."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a release, read from its provenance."""

    repository: str
    commit: str
    entry: str
    parameters: Mapping[str, JsonValue]
    seed: int
    builder: str
    started_at: str
    finished_at: str
    internal: Mapping[str, JsonValue]
    """Python, uv, threads, platform, author of the commit, who wrote which part, whether files were
    uncommitted, what confined the programs of the project, and whether they had the network."""
    materials: Mapping[str, str]
    """Digest of every input by name: data sets, `uv.lock`, and documents by their path."""

    @property
    def is_observed(self) -> bool:
        """Whether the build trained the model. A release of 0.1 says nothing: every build did."""
        return self.internal.get("training", OBSERVED) == OBSERVED


def provenance(
    run: TrainingRun,
    *,
    builder: str,
    documents: Mapping[str, Digest],
    contributions: Contributions | None = None,
    job: JobIdentity = NO_JOB,
) -> Mapping[str, JsonValue]:
    """Return the predicate; `documents` are the packed texts of people, by path.

    Without `contributions` it records only who signed the commit itself. `job` is the CI job that
    built it, as its verified token says.
    """
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "repository": run.source.remote,
                "commit": run.source.commit,
                "entry": run.entry,
                "parameters": dict(run.parameters),
                "seed": run.seed,
            },
            "internalParameters": _internal(run, contributions, job),
            "resolvedDependencies": [*_materials(run), *_given(run), *_texts(documents)],
        },
        "runDetails": {
            "builder": {"id": builder, "version": {"goldenpath": __version__}},
            "metadata": {
                "invocationId": f"{run.source.commit[:12]}-{run.started_at}",
                "startedOn": run.started_at,
                "finishedOn": run.finished_at,
            },
            "byproducts": [
                {"name": name, "digest": _digest(digest)}
                for name, digest in sorted(run.outputs.items())
            ],
        },
    }


def read_provenance(predicate: Mapping[str, JsonValue]) -> Origin:
    """Return the origin in a predicate. Raises `InvalidInput` if a member is missing."""
    document = dict(predicate)
    definition = member(document, "buildDefinition")
    external = member(definition, "externalParameters")
    internal = member(definition, "internalParameters")
    parameters, seed = member(external, "parameters"), member(external, "seed")
    if not isinstance(parameters, dict) or not isinstance(seed, int):
        raise InvalidInput("provenance lacks the parameters or the seed")
    return Origin(
        repository=_text(external, "repository"),
        commit=_text(external, "commit"),
        entry=_text(external, "entry"),
        parameters=parameters,
        seed=seed,
        builder=_text(document, "runDetails", "builder", "id"),
        started_at=_text(document, "runDetails", "metadata", "startedOn"),
        finished_at=_text(document, "runDetails", "metadata", "finishedOn"),
        internal=internal if isinstance(internal, dict) else {},
        materials=_read_materials(member(definition, "resolvedDependencies")),
    )


def _internal(
    run: TrainingRun, contributions: Contributions | None, job: JobIdentity
) -> dict[str, JsonValue]:
    """Return what the build itself knows and nobody chose."""
    written = None if contributions is None else contributions_record(contributions)
    return {
        "python": run.environment.python,
        "uv": run.environment.uv,
        "platform": run.environment.platform,
        "cpu": run.environment.cpu,
        "cpuFeatures": " ".join(run.environment.cpu_features),
        "blas": run.environment.blas,
        "frame": dict(run.environment.frame),
        "locale": run.environment.locale,
        "threads": run.threads,
        "dirty": run.source.dirty,
        "author": run.source.author,
        "signer": run.source.signer,
        **({"signatureUnchecked": run.source.unchecked} if run.source.unchecked else {}),
        # A run that recorded nothing of them says nothing: unknown is not "none".
        **({} if run.confinement is None else {"confinement": list(run.confinement)}),
        **({} if run.network is None else {"network": run.network}),
        **({} if run.indexes is None else {"indexes": list(run.indexes)}),
        **({} if run.file_hosts is None else {"fileHosts": list(run.file_hosts)}),
        **({} if run.limits is None else {"limits": dict(run.limits)}),
        **({} if written is None else {"contributions": written}),
        **({"training": DECLARED} if run.given else {}),
        **({} if job == NO_JOB else {JOB[-1]: job.record()}),
    }


def _materials(run: TrainingRun) -> Sequence[JsonValue]:
    source = run.source
    return [
        {
            "name": "source",
            "uri": f"git+{source.remote}@refs/heads/{source.branch}",
            "digest": {"gitCommit": source.commit},
        },
        {
            "name": "uv.lock",
            "uri": "file:uv.lock",
            "digest": _digest(run.environment.lock_digest),
        },
        *(_dataset(dataset) for dataset in run.datasets),
    ]


def _dataset(dataset: Dataset) -> dict[str, JsonValue]:
    return {
        "name": dataset.name,
        "uri": dataset.path if "://" in dataset.path else f"file:{dataset.path}",
        "digest": _digest(dataset.digest),
        "annotations": {"rows": dataset.rows, "source": dataset.source},
    }


def _given(run: TrainingRun) -> Sequence[JsonValue]:
    return [
        {
            "name": each.name,
            "uri": each.path if "://" in each.path else f"file:{each.path}",
            "digest": _digest(each.digest),
            "annotations": {"trained": "not here", "source": each.source},
        }
        for each in run.given
    ]


def _texts(documents: Mapping[str, Digest]) -> Sequence[JsonValue]:
    return [
        {"name": path, "uri": f"file:{path}", "digest": {"sha256": digest.hex}}
        for path, digest in sorted(documents.items())
    ]


def _digest(text: str) -> dict[str, JsonValue]:
    return {"sha256": Digest(text).hex}


def _text(value: JsonValue, *path: str) -> str:
    text = member(value, *path)
    if not isinstance(text, str):
        raise InvalidInput(f"provenance lacks the text {'.'.join(path)}")
    return text


def _read_materials(value: JsonValue) -> Mapping[str, str]:
    materials = {}
    for material in value if isinstance(value, list) else []:
        name, digests = member(material, "name"), member(material, "digest")
        if isinstance(name, str) and isinstance(digests, dict) and len(digests) == 1:
            [(algorithm, digits)] = digests.items()
            materials[name] = f"{algorithm}:{digits}"
    return materials
