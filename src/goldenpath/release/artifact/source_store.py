"""Opens the store of a release from the place that a launch record names."""

import os
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.oci.reference import Reference
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import ReleaseSource
from goldenpath.release.artifact.unpacked import UnpackedStore, models_folder


def open_source(source: ReleaseSource) -> Store:
    """Return the store of `source`.

    Raises `NotFound` if a folder holds no release.
    """
    if source.form == "layout":
        return LayoutStore(Path(source.path))
    evidence = _evidence(source.evidence) if source.evidence else None
    declared = Digest(source.declared) if source.declared else None
    return UnpackedStore(models_folder(Path(source.path)), evidence, declared)


def _evidence(place: str) -> Store:
    scheme, is_registry, rest = place.partition("://")
    if not is_registry:
        return LayoutStore(Path(place))
    # The HTTP client is slow to import, and evidence beside the files does not need it.
    from goldenpath.oci.stores.connect import connect

    return connect(scheme, Reference.parse(rest), os.environ)
