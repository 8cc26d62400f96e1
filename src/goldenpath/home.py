"""The layout of the home, the folder in which goldenpath keeps its state on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "GOLDENPATH_HOME"
"""Folder for the state of the embedded defaults; else `.goldenpath` in the working folder."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder with the state of the embedded defaults. Computes paths and creates nothing."""

    root: Path

    @classmethod
    def find(cls, environment: Mapping[str, str], working: Path) -> "Home":
        """Return the home that the environment names, else the nearest `.goldenpath`.

        The nearest is searched from `working` upwards; if there is none, it is in `working`.
        """
        named = environment.get(HOME_VARIABLE)
        if named:
            return cls(Path(named).absolute())
        for folder in (working, *working.parents):
            if (folder / ".goldenpath").is_dir():
                return cls(folder / ".goldenpath")
        return cls(working / ".goldenpath")

    @property
    def registry(self) -> Path:
        """The embedded registry, an OCI image layout."""
        return self.root / "registry"

    @property
    def uploads(self) -> Path:
        """Notes on interrupted uploads to registries, so that they can be resumed."""
        return self.root / "uploads"

    @property
    def gitops(self) -> Path:
        """The bare gitops repository."""
        return self.root / "gitops.git"

    @property
    def gitops_cache(self) -> Path:
        """Local copy of what was fetched from the gitops repository; safe to delete."""
        return self.root / "gitops-cache"

    @property
    def anchors_cache(self) -> Path:
        """Local copy of the branch `anchors`; it shows if that branch is rewritten."""
        return self.root / "anchors-cache"

    @property
    def timeline(self) -> Path:
        """Index of the commits that changed deployments, derived from git; safe to delete."""
        return self.root / "timeline.db"

    @property
    def trust(self) -> Path:
        """The commits of the gitops repository that this machine has verified."""
        return self.root / "trust.json"

    @property
    def build_key(self) -> Path:
        """The key that signs releases built here."""
        return self.keys / "release.pem"

    @property
    def rollout_key(self) -> Path:
        """The SSH key that signs this machine's commits of canary steps."""
        return self.keys / "rollout"

    @property
    def witness_key(self) -> Path:
        """The SSH key that signs heads of this machine's logs on the branch `anchors`."""
        return self.keys / "witness"

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
    def prediction_filters(self) -> Path:
        """Hashes of the prediction ids of each segment, derived from the log; safe to delete."""
        return self.root / "trace.db"

    @property
    def checked_log(self) -> Path:
        """What the check of packed files of the prediction log has found; safe to delete."""
        return self.root / "checked-log.db"

    @property
    def spool(self) -> Path:
        """Records that model servers wrote and that are not in the sealed log yet."""
        return self.root / "spool"

    @property
    def telemetry(self) -> Path:
        """Recent telemetry, as OTLP in JSON Lines."""
        return self.root / "telemetry"

    @property
    def drift(self) -> Path:
        """The counts of the drift monitor, per stage, model and release."""
        return self.root / "drift"

    @property
    def findings(self) -> Path:
        """Findings of the monitor, both open ones and those that a person has closed."""
        return self.root / "findings"

    @property
    def reports(self) -> Path:
        """The reports that approvers saw, named by digest; their approvals sign the digests."""
        return self.root / "reports"

    @property
    def outbox(self) -> Path:
        """Alarms that wait for their receivers, in a folder for each channel."""
        return self.root / "outbox"

    @property
    def alarms(self) -> Path:
        """Delivered alarms as JSON lines, for channels that are files."""
        return self.root / "alarms"

    @property
    def labels(self) -> Path:
        """What became known about predictions later, per stage and model."""
        return self.root / "labels"

    @property
    def holds(self) -> Path:
        """Cases for which records are neither erased nor expire."""
        return self.root / "holds"

    @property
    def erasures(self) -> Path:
        """Signed certificates of erasures."""
        return self.root / "erasures"

    @property
    def log_key(self) -> Path:
        """The private key that signs checkpoints of the prediction log; made on first use."""
        return self.keys / "log.pem"

    @property
    def data(self) -> Path:
        """Fetched data by digest, and listings of data sources; safe to delete."""
        return self.root / "data"

    @property
    def builds(self) -> Path:
        """Working folders of builds; safe to delete when none runs."""
        return self.root / "builds"

    @property
    def build_cache(self) -> Path:
        """Environments and wheels that builds reuse; safe to delete when none runs."""
        return self.root / "kept"

    @property
    def images(self) -> Path:
        """Layers of container images and Debian packages that were used before; safe to delete."""
        return self.root / "images"

    @property
    def run(self) -> Path:
        """Sockets, status and lock files of what runs now."""
        return self.root / "run"
