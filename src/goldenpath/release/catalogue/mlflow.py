"""The catalogue in MLflow: runs, model versions and aliases, in a database or on a server.

Only the process of the catalogue imports this. MLflow takes two seconds to import and loads a web
framework, which neither a verb nor a model server needs.
"""

import os
import posixpath
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient

from goldenpath.errors import NotFound
from goldenpath.release.catalogue.entry import Alias, CatalogueEntry, DatasetLink, Version
from goldenpath.release.catalogue.tags import COMMIT_TAG, DIGEST_TAG

Item = TypeVar("Item")

_BATCH = 100
"""Parameters or tags that one call of MLflow accepts; it accepts 1000 metrics."""


def create_database(uri: str) -> None:
    """Create a new SQLite database with all its tables, or none.

    MLflow migrates an empty database step by step. After a kill between two steps it would never
    open again. If two processes do this at once, the first database stays.
    """
    path = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or path.exists():
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    MlflowClient(f"sqlite:///{partial}", f"sqlite:///{partial}").search_registered_models(
        max_results=1
    )
    with suppress(FileExistsError):
        path.hardlink_to(partial)
    partial.unlink()


class MlflowCatalogue:
    """One MLflow database or server. Releases stay in their registry; the entries link to them."""

    def __init__(self, uri: str, folder: Path) -> None:
        create_database(uri)
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self._folder = folder
        self._is_server = uri.startswith(("http://", "https://"))
        self._client.search_registered_models(max_results=1)

    def register(self, entry: CatalogueEntry) -> Version:
        """Register a release and return its version, or return the version from before."""
        version = self._find(entry.model, entry.digest)
        if version is not None:
            return _version(version, is_new=False)
        run_id = self._run(entry)
        self._ensure_model(entry.model)
        tags = {DIGEST_TAG: entry.digest, COMMIT_TAG: entry.tags.get(COMMIT_TAG, "")}
        made = self._client.create_model_version(
            entry.model, source=entry.source, run_id=run_id, tags=tags
        )
        return _version(made, is_new=True)

    def set_alias(self, alias: Alias) -> Version:
        """Point an alias at a release or remove it, and return the version concerned.

        Raises `NotFound` if the release was never registered.
        """
        if not alias.digest:
            pointed = self._client.get_model_version_by_alias(alias.model, alias.name)
            self._client.delete_registered_model_alias(alias.model, alias.name)
            return _version(pointed, is_new=False)
        version = self._find(alias.model, alias.digest)
        if version is None:
            raise NotFound(f"the catalogue has no version of {alias.model} for {alias.digest}")
        self._client.set_registered_model_alias(alias.model, alias.name, version.version)
        return _version(version, is_new=False)

    def _find(self, model: str, digest: str) -> ModelVersion | None:
        query = f"name = '{model}' AND tags.`{DIGEST_TAG}` = '{digest}'"
        versions = self._client.search_model_versions(query, max_results=100)
        # Two builds at once may have registered it twice; the first version counts.
        return min(versions, key=lambda version: int(version.version), default=None)

    def _run(self, entry: CatalogueEntry) -> str:
        """Return the finished run of a release; completes one that an interrupted call left."""
        experiment = self._experiment(entry.model)
        query = f"tags.`{DIGEST_TAG}` = '{entry.digest}'"
        runs = self._client.search_runs([experiment], query, ViewType.ACTIVE_ONLY, 1)
        if runs:
            run_id = str(runs[0].info.run_id)
        else:
            run = self._client.create_run(
                experiment,
                start_time=_milliseconds(entry.started_at),
                tags={DIGEST_TAG: entry.digest},
                run_name=f"{entry.model} {entry.digest[7:19]}",
            )
            run_id = str(run.info.run_id)
        self._describe(run_id, entry)
        self._client.set_terminated(run_id, "FINISHED", _milliseconds(entry.finished_at))
        return run_id

    def _describe(self, run_id: str, entry: CatalogueEntry) -> None:
        time = _milliseconds(entry.finished_at)
        metrics = [
            Metric(point.name, point.value, time if point.time is None else point.time, point.step)
            for point in entry.metrics
        ]
        parameters = [Param(name, value) for name, value in entry.parameters.items()]
        tags = [RunTag(name, value) for name, value in entry.tags.items()]
        for some_metrics in _parts(metrics):
            self._client.log_batch(run_id, metrics=some_metrics)
        for some_parameters in _parts(parameters):
            self._client.log_batch(run_id, params=some_parameters)
        for some_tags in _parts(tags):
            self._client.log_batch(run_id, tags=some_tags)
        for name, path in entry.artifacts:
            folder = posixpath.dirname(name)
            self._client.log_artifact(run_id, path, folder or None)
        inputs = [_dataset_input(link) for link in entry.datasets]
        if inputs:
            self._client.log_inputs(run_id, inputs)

    def _experiment(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        # A server has its own place for artifacts; a local database keeps them beside itself.
        location = None if self._is_server else self._folder.as_uri()
        return str(self._client.create_experiment(name, artifact_location=location))

    def _ensure_model(self, name: str) -> None:
        try:
            self._client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            self._client.create_registered_model(name)


def _dataset_input(link: DatasetLink) -> DatasetInput:
    # MLflow stores at most 36 characters of a digest, so the whole digest is a tag.
    short = link.digest.removeprefix("sha256:")[:36]
    data = Dataset(link.name, short, "http", link.source, profile=f'{{"num_rows": {link.rows}}}')
    return DatasetInput(data, [InputTag("digest", link.digest)])


def _parts(items: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _version(version: ModelVersion, *, is_new: bool) -> Version:
    return Version(
        version.name, str(version.version), version.run_id or "", version.source or "", is_new
    )
