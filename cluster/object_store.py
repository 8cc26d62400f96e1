"""A store for copies of prediction logs: the S3 server of moto, at an address that pods reach."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.addresses import answers, free_port
from cluster.daemons import Daemons


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
        from pyarrow.fs import S3FileSystem

        system = S3FileSystem(
            access_key="walk",
            secret_key="walk",  # noqa: S106 - this store takes every key
            endpoint_override=self.address,
            region="us-east-1",
            allow_bucket_creation=True,
        )
        place = self.url.removeprefix("s3://")
        system.create_dir(place.partition("/")[0])
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in files:
            with system.open_output_stream(f"{place}/{path.relative_to(folder)}") as stream:
                stream.write(path.read_bytes())
        return len(files)


def start_object_store(daemons: Daemons, packages: Path, *, address: str) -> RunningObjectStore:
    """Start an empty one on the address; `packages` is where the wheel of moto was installed."""
    port = free_port()
    program = str(packages / "bin" / "moto_server")
    command = [sys.executable, program, "-H", address, "-p", str(port)]
    variables = {"PYTHONPATH": str(packages)}
    daemons.start("object-store", command, lambda: answers(port, address), variables)
    return RunningObjectStore(f"http://{address}:{port}")
