"""A store for copies of prediction logs: the S3 server of moto, at an address that pods reach."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.addresses import answers, free_port
from cluster.daemons import Daemons

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem


@dataclass(frozen=True, slots=True)
class RunningObjectStore:
    """A running store, and the bucket for copied logs."""

    address: str
    url: str = "s3://logs/predictions"

    @property
    def variables(self) -> Mapping[str, str]:
        """What a client finds the store by, as the secret `log-store` has it."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "walk",
            "AWS_SECRET_ACCESS_KEY": "walk",
        }

    def copy(self, folder: Path) -> int:
        """Copy the files of a folder into the store, and return how many they are."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in files:
            self.put(f"{self.url}/{path.relative_to(folder)}", path.read_bytes())
        return len(files)

    def put(self, url: str, content: bytes) -> None:
        """Write an object."""
        system, place = self._system(), url.removeprefix("s3://")
        system.create_dir(place.partition("/")[0])
        with system.open_output_stream(place) as stream:
            stream.write(content)

    def read(self, url: str) -> bytes:
        """Return an object."""
        with self._system().open_input_file(url.removeprefix("s3://")) as stream:
            content: bytes = stream.read()
        return content

    def _system(self) -> "S3FileSystem":
        from pyarrow.fs import S3FileSystem

        return S3FileSystem(
            access_key="walk",
            secret_key="walk",  # noqa: S106 - this store takes every key
            endpoint_override=self.address,
            region="us-east-1",
            allow_bucket_creation=True,
        )


def start_object_store(daemons: Daemons, packages: Path, *, address: str) -> RunningObjectStore:
    """Start an empty one on the address; `packages` is where the wheel of moto was installed."""
    port = free_port()
    program = str(packages / "bin" / "moto_server")
    command = [sys.executable, program, "-H", address, "-p", str(port)]
    variables = {"PYTHONPATH": str(packages)}
    daemons.start("object-store", command, lambda: answers(port, address), variables)
    return RunningObjectStore(f"http://{address}:{port}")
