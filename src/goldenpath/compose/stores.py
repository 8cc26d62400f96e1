"""Stores by the scheme of their URI, and releases by reference."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.oci.reference import Reference
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore

if TYPE_CHECKING:
    from goldenpath.promote.platform.platform import Platform
    from goldenpath.release.evidence.explain import ReleaseLocation

REGISTRIES = ("oci", "oci+http", "oci+https", "oci+native", "goldenpath+oci")
"""Schemes of registries; `connect` says what each means. Importing it here would be slow."""


def open_store(uri: str, mounts: Iterable[str] = ()) -> Store:
    """Return the store of a URI: `layout:PATH`, or a repository by `oci://host/repository`.

    `oci://` uses plain HTTP only towards loopback; `oci+http://` and `oci+https://` are explicit.
    `mounts` are other repositories of the same registry that may have a blob already.
    """
    scheme, _, rest = uri.partition(":")
    if scheme == "layout" and rest:
        return LayoutStore(Path(rest), _warn)
    if scheme in REGISTRIES and rest.startswith("//"):
        # The HTTP client is slow to import, and most verbs do not need it.
        from goldenpath.oci.stores.connect import connect

        reference = Reference.parse(rest[2:])
        return connect(
            scheme,
            reference,
            os.environ,
            mounts,
            uploads=Home.find(os.environ, Path.cwd()).uploads,
        )
    raise InvalidInput(f"store {uri!r} is not known: expected layout:PATH or oci://host/repository")


def _warn(message: str) -> None:
    """Tell whoever ran the verb that wrote to a registry."""
    print(f"WARNING: {message}", file=sys.stderr)


def locate(text: str, home: Home, beside: str = "") -> tuple[Store, str]:
    """Return the store of a reference on the command line, and the name in it.

    `layout:PATH@NAME`, `oci://host/repository:tag`, `oci://host/repository@sha256:…`; a bare tag
    or digest is looked for in the home's registry. The name is empty if the reference has none.
    `beside` is the other end of a copy: blobs it has on the same registry need not travel.
    """
    scheme, colon, rest = text.partition(":")
    if scheme == "layout" and colon:
        path, at, name = rest.rpartition("@")
        if not at or "/" in name:
            path, name = rest, ""
        return open_store(f"layout:{path}"), name
    if scheme in REGISTRIES and rest.startswith("//"):
        reference, other = Reference.parse(rest[2:]), beside.partition("://")[2]
        near = [Reference.parse(other)] if other else []
        mounts = [each.repository for each in near if each.host == reference.host]
        return open_store(text, mounts), reference.name or ""
    return LayoutStore(home.registry, _warn), text


def throwaway_store() -> Store:
    """Return an empty store in memory."""
    from goldenpath.oci.stores.memory import MemoryStore

    return MemoryStore()


def place(text: str, home: Home) -> "ReleaseLocation":
    """Return where other tools find what `locate` finds."""
    from goldenpath.release.evidence.explain import ReleaseLocation

    if text.startswith("layout:"):
        return ReleaseLocation(folder=text.removeprefix("layout:").partition("@")[0])
    scheme, _, rest = text.partition("://")
    if scheme in REGISTRIES and rest:
        reference = Reference.parse(rest)
        host = reference.host.rpartition(":")[0] or reference.host
        near = host in ("localhost", "127.0.0.1", "[::1]") and not scheme.startswith("oci+http")
        name = f"{reference.host}/{reference.repository}"
        return ReleaseLocation(repository=name, plain_http=near or scheme == "oci+http")
    return ReleaseLocation(folder=str(home.registry))


def store_uri(home: Home, platform: "Platform") -> str:
    """Return the platform's store. A relative layout lies in the home, so git names no machine."""
    scheme, _, path = platform.registry_store.partition(":")
    if scheme == "layout":
        return f"layout:{home.root / path}"
    return platform.registry_store


def store_of(home: Home, platform: "Platform") -> Store:
    """Return the platform's store; releases pulled from a registry are read from the home."""
    uri = store_uri(home, platform)
    if uri.startswith("layout:"):
        return open_store(uri)
    from goldenpath.oci.stores.caching import CachingStore

    return CachingStore(open_store(uri), LayoutStore(home.registry))


def local_store(home: Home, platform: "Platform") -> Path:
    """Return the layout from which the model servers of this machine read."""
    scheme, _, path = store_uri(home, platform).partition(":")
    return Path(path) if scheme == "layout" else home.registry
