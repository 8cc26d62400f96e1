"""What version 0.1 packed has the same digests today: no rewrite moves a release."""

from pathlib import Path

from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.release.artifact.pack import Contents, pack
from tests.starter import unpack_release_of_0_1

COMMIT = "3ffe5eead8d219adb11ded1ca193bc09e157a9b4"
DOCUMENTS = (
    "card.md", "compliance/datasets/clients.md", "compliance/roles.yaml", "compliance/system.yaml",
    "compliance/thresholds.yaml", "goldenpath.toml",
)  # fmt: skip


def contents(folder: Path) -> Contents:
    """The release of the starter; in the place of its lock, which names addresses, one line."""
    return Contents(
        name="credit-default",
        version=COMMIT[:12],
        outputs=folder,
        contract=(folder / "contract.json").read_bytes(),
        profile=(folder / "profile.json").read_bytes(),
        lock=b"version = 1\n",
        python_version="3.11.7",
        documents={name: (folder / name).read_bytes() for name in DOCUMENTS},
        commit=COMMIT,
        committed_at="2026-03-02T08:30:00Z",
    )


def test_the_release_of_the_starter_has_the_digests_that_version_0_1_gave_it(
    tmp_path: Path,
) -> None:
    packed = pack(MemoryStore(), contents(unpack_release_of_0_1(tmp_path)))

    assert packed.image.digest.text == (
        "sha256:3877cfb9a389e296c7b391a955ad3d691858775ac020a05eef25781c8e3a11bf"
    )
    assert packed.modelpack.digest.text == (
        "sha256:d36a77a4ac828111fe61911e5a5d2975773ffc94f137d299625e83fa817ea42e"
    )
