"""The layout of the home: where on this machine everything of goldenpath lies."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "GOLDENPATH_HOME"
"""Where the embedded defaults keep their state; `.goldenpath` in the working folder otherwise."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of the embedded defaults: path arithmetic only, nothing is created."""

    root: Path

    @classmethod
    def find(cls, environment: Mapping[str, str], working: Path) -> "Home":
        """From the environment, else `.goldenpath` in `working` or the nearest parent with one."""
        named = environment.get(HOME_VARIABLE)
        if named:
            return cls(Path(named).absolute())
        for folder in (working, *working.parents):
            if (folder / ".goldenpath").is_dir():
                return cls(folder / ".goldenpath")
        return cls(working / ".goldenpath")

    @property
    def registry(self) -> Path:
        """An OCI image layout."""
        return self.root / "registry"

    @property
    def uploads(self) -> Path:
        """Where uploads to registries stand that were interrupted."""
        return self.root / "uploads"

    @property
    def gitops(self) -> Path:
        """The bare gitops repository."""
        return self.root / "gitops.git"

    @property
    def gitops_cache(self) -> Path:
        """What was fetched of the gitops repository; safe to delete."""
        return self.root / "gitops-cache"

    @property
    def trust(self) -> Path:
        """Which commits of the gitops repository this machine knows to be right."""
        return self.root / "trust.json"

    @property
    def build_key(self) -> Path:
        """The key that signs releases built here."""
        return self.keys / "release.pem"

    @property
    def rollout_key(self) -> Path:
        """The SSH key with which this machine commits canary steps."""
        return self.keys / "rollout"

    @property
    def keys(self) -> Path:
        """Private and public keys, mode 0700."""
        return self.root / "keys"

    @property
    def catalogue(self) -> Path:
        """The SQLite database of MLflow."""
        return self.root / "mlflow.db"

    @property
    def events(self) -> Path:
        """The audit log."""
        return self.root / "events"

    @property
    def predictions(self) -> Path:
        """The sealed prediction log."""
        return self.root / "predictions"

    @property
    def spool(self) -> Path:
        """Records that the model servers wrote and nobody has sealed yet."""
        return self.root / "spool"

    @property
    def telemetry(self) -> Path:
        """Recent telemetry, as OTLP in JSON lines."""
        return self.root / "telemetry"

    @property
    def drift(self) -> Path:
        """What the monitor counted, per stage, model and release."""
        return self.root / "drift"

    @property
    def findings(self) -> Path:
        """What the monitor found, until and after a person has closed it."""
        return self.root / "findings"

    @property
    def log_key(self) -> Path:
        """The private key that signs checkpoints of the prediction log; made when first used."""
        return self.keys / "log.pem"

    @property
    def data(self) -> Path:
        """Data that were fetched, by their digest, and listings; safe to delete."""
        return self.root / "data"

    @property
    def builds(self) -> Path:
        """Working folders of builds; safe to delete when none runs."""
        return self.root / "builds"

    @property
    def kept(self) -> Path:
        """Environments and wheels that builds use again; safe to delete when none runs."""
        return self.root / "kept"

    @property
    def run(self) -> Path:
        """Sockets, status and lock files of what runs now."""
        return self.root / "run"
