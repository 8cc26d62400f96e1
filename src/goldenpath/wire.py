"""Chooses implementations by the scheme of a URI: the only place where the seams are filled."""

import os
from datetime import UTC, datetime
from pathlib import Path

from goldenpath.audit.log import EventLog
from goldenpath.catalogue.process import Catalogue
from goldenpath.settings import TRACKING_VARIABLE, Home


def home() -> Home:
    """The home of the embedded defaults, as the environment and the working folder name it."""
    return Home.find(os.environ, Path.cwd())


def now() -> datetime:
    """This instant in UTC: the one clock of the verbs."""
    return datetime.now(UTC)


def event_log(home: Home) -> EventLog:
    """The audit log of this machine."""
    return EventLog(home.events)


def catalogue(home: Home) -> Catalogue:
    """MLflow: the server that the environment names, else a database of this machine."""
    uri = os.environ.get(TRACKING_VARIABLE) or f"sqlite:///{home.catalogue}"
    return Catalogue(uri, home.root / "mlflow")
