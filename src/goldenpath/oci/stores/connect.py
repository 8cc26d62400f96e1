"""Opens a repository of a registry with the credentials, authorities and mirrors of the user."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from goldenpath.errors import InvalidInput
from goldenpath.oci.reference import Reference
from goldenpath.oci.stores.auth import Keychain
from goldenpath.oci.stores.remote import RemoteStore
from goldenpath.oci.stores.transport import Transport
from goldenpath.settings import CA_VARIABLE, helper_environment, mirrors, registry_files

PROTOCOLS = {
    "oci": "",
    "oci+http": "http",
    "oci+https": "https",
    # What a pod is told by KServe: an image that is mounted, and one that our initializer fetches.
    "oci+native": "",
    "goldenpath+oci": "",
}
"""URI schemes of registries, and the protocol that each requires; empty means automatic."""

_THIS_MACHINE = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


def connect(
    scheme: str,
    reference: Reference,
    environment: Mapping[str, str],
    mounts: Iterable[str] = (),
    *,
    uploads: Path | None = None,
) -> RemoteStore:
    """Open the repository of `reference`; plain HTTP only to this machine or by `scheme`.

    The folder `uploads` remembers interrupted uploads, so that another process can resume them.

    Raises `InvalidInput` if the environment names a file of authorities that does not exist.
    """
    is_local = _THIS_MACHINE.fullmatch(reference.host) is not None
    protocol = PROTOCOLS[scheme] or ("http" if is_local else "https")
    ca_file = environment.get(CA_VARIABLE)
    if ca_file and not Path(ca_file).is_file():
        raise InvalidInput(f"{CA_VARIABLE} names {ca_file}, which is not a file")
    keychain = Keychain(registry_files(environment), helper_environment(environment))

    def transport(base: str) -> Transport:
        return Transport(
            base,
            keychain=keychain,
            repository=reference.repository,
            ca_file=Path(ca_file) if ca_file else None,
            environment=environment,
        )

    return RemoteStore(
        transport(f"{protocol}://{reference.host}"),
        reference.repository,
        mirrors=[transport(base) for base in mirrors(environment, reference.host)],
        mounts=mounts,
        uploads=uploads,
    )
