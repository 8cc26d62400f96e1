"""Opens a repository of a registry as the environment says: credentials, authorities, mirrors."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from goldenpath.errors import InvalidInput
from goldenpath.oci.reference import Reference
from goldenpath.oci.stores.auth import Keychain
from goldenpath.oci.stores.remote import RemoteStore
from goldenpath.oci.stores.transport import Transport
from goldenpath.settings import CA_VARIABLE, mirrors, registry_files

PROTOCOLS = {"oci": "", "oci+http": "http", "oci+https": "https"}
"""URI schemes of registries, and the protocol each insists on."""

_HERE = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


def connect(
    scheme: str,
    reference: Reference,
    environment: Mapping[str, str],
    mounts: Iterable[str] = (),
    *,
    unfinished: Path | None = None,
) -> RemoteStore:
    """The repository of `reference`; plain HTTP only with this machine, or if `scheme` says so.

    In the folder `unfinished` it is noted how large uploads go on that were killed.

    Raises `InvalidInput` if the environment names a file of authorities that is not there.
    """
    plain = _HERE.fullmatch(reference.host) is not None
    protocol = PROTOCOLS[scheme] or ("http" if plain else "https")
    ca_file = environment.get(CA_VARIABLE)
    if ca_file and not Path(ca_file).is_file():
        raise InvalidInput(f"{CA_VARIABLE} names {ca_file}, which is not a file")
    keychain = Keychain(registry_files(environment), environment.get("PATH"))

    def transport(base: str) -> Transport:
        return Transport(base, keychain=keychain, ca_file=Path(ca_file) if ca_file else None)

    return RemoteStore(
        transport(f"{protocol}://{reference.host}"),
        reference.repository,
        mirrors=[transport(base) for base in mirrors(environment, reference.host)],
        mounts=mounts,
        unfinished=unfinished,
    )
