"""What builds work with, and where all evidence is."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.audit.evidence import Sources
from goldenpath.catalogue.process import Catalogue
from goldenpath.digest import Digest
from goldenpath.oci.names import find
from goldenpath.settings import (
    ADVISORIES_VARIABLE,
    BUILDER_VARIABLE,
    TRACKING_VARIABLE,
    Home,
    ObjectStore,
)
from goldenpath.wire.governing import gitops, trusted
from goldenpath.wire.here import event_log, now, tools, uv
from goldenpath.wire.signing import signer
from goldenpath.wire.stores import locate, open_store, store_uri

if TYPE_CHECKING:
    from goldenpath.build import Workshop
    from goldenpath.oci.store import Store
    from goldenpath.oci.stream import Watch
    from goldenpath.promote.platform import Platform
    from goldenpath.train.bring import Depot


def catalogue(home: Home) -> Catalogue:
    """MLflow: the server that the environment names, else a database of this machine."""
    uri = os.environ.get(TRACKING_VARIABLE) or f"sqlite:///{home.catalogue}"
    return Catalogue(uri, home.root / "mlflow")


def sources(home: Home, reference: str) -> tuple[Sources, Digest]:
    """Where all evidence is, and the release that `reference` names. Raises `NotFound`."""
    store, name = locate(reference, home)
    digest = find(store, name).digest
    return Sources(store, gitops(home), trusted(home), event_log(home)), digest


def depot(home: Home, report: Callable[[str], None]) -> "Depot":
    """Where data that are not in a project are fetched to, and how."""
    from goldenpath.train.bring import Depot

    return Depot(
        folder=home.data,
        open_store=lambda reference: locate(reference, home),
        objects=ObjectStore.of(os.environ),
        report=report,
    )


def closed(home: Home) -> tuple[Path, ...]:
    """Where keys lie that no program of a project reads."""
    return (home.root, Path.home() / ".ssh", Path.home() / ".gnupg")


def _published(home: Home, platform: "Platform", key: bytes) -> "Store | None":
    """Where releases go besides the home: the store of the stages, for a key that counts there."""
    uri = store_uri(home, platform)
    counts = any(each.public_key == key for each in platform.build_keys)
    return open_store(uri) if counts and uri != f"layout:{home.registry}" else None


def workshop(
    home: Home, work: Path, report: Callable[[str], None], watch: "Watch | None" = None
) -> "Workshop":
    """What a build in the folder `work` works with. Raises `NotFound` without a platform."""
    from goldenpath.attest.advisories import read_advisories
    from goldenpath.attest.keys import key_from_pem, public_pem
    from goldenpath.attest.statement import BUILDER
    from goldenpath.build import Workshop
    from goldenpath.gitops.rotation import require_trusted
    from goldenpath.oci.stream import unwatched
    from goldenpath.train.run import train
    from goldenpath.train.source import read_source

    key = signer(home)
    platform = trusted(home).platform
    # Known before the training begins, and not when a gate finds a release that counts nowhere.
    require_trusted(platform, key.public_key(), now())
    environment, advisories = tools(), os.environ.get(ADVISORIES_VARIABLE)
    return Workshop(
        store=open_store(f"layout:{home.registry}"),
        signer=key,
        key=key_from_pem("build", public_pem(key)),
        published=_published(home, platform, key.public_key()),
        builder=os.environ.get(BUILDER_VARIABLE) or BUILDER,
        repository=platform.registry_prefix,
        catalogue=lambda: catalogue(home),
        read_source=lambda project: read_source(Path(project.root), environment),
        train=lambda project: train(
            project,
            work,
            uv=uv(),
            now=now,
            report=report,
            tools=environment,
            kept=home.kept,
            depot=depot(home, report),
            closed=closed(home),
        ),
        clock=now,
        report=report,
        advisories=read_advisories(Path(advisories)) if advisories else None,
        watch=watch or unwatched,
    )
