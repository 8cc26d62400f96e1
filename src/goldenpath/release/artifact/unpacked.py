"""A release as the files that a node has unpacked, read as a store.

A cluster gives a server plain files: an image volume, or a folder that an init container filled.
The layers of a release are a function of its files. So they are rendered again from the files and
compared with the digests in its manifest, and an unpacked release is verified like any other.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from goldenpath.canonical import canonical_json
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_LAYER, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read
from goldenpath.oci.stream import Meter, verified
from goldenpath.release.artifact.layers import MODELS, Content, Layer, render_layer
from goldenpath.release.artifact.pack import CONTRACT, release_layers, title_of
from goldenpath.release.artifact.unpack import MAX_FILES

EVIDENCE = "goldenpath-evidence"
"""Folder beside the files with their manifest and statements, as an OCI image layout."""
_CONTRACT = CONTRACT.removeprefix(MODELS + "/")
_TITLE = "org.opencontainers.image.title"


def models_folder(path: Path) -> Path:
    """Return the folder of a release's files: `path`, or its folder `models`.

    A node that ignores the sub-path of an image volume mounts the whole image, so that the files
    are one folder deeper. Raises `NotFound` if there is no release in either place.
    """
    try:
        root = path.resolve(strict=True)
        for folder in (root, root / MODELS):
            if (folder / _CONTRACT).is_file():
                return folder
        is_layout = (root / "oci-layout").is_file()
    except FileNotFoundError as error:
        raise NotFound(
            f"{path} does not exist", hint="mount the files of a release there, or name its folder"
        ) from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    raise NotFound(
        f"{path} holds no release: expected {_CONTRACT} in it or in its folder {MODELS}",
        hint=f"it is an OCI layout: name a release in it, as layout:{path}@sha256:..."
        if is_layout
        else "mount the files of a release there; goldenpath pull --unpack writes them to a folder",
    )


class UnpackedStore:
    """Implements the reading part of `Store` for one release in a folder of its files.

    With `evidence` the manifest and the statements come from there. Without it there is only the
    manifest that follows from the files, which also answers to the name `declared`.
    """

    def __init__(
        self, folder: Path, evidence: Store | None = None, declared: Digest | None = None
    ) -> None:
        self._folder = folder
        self._evidence = evidence
        self._declared = declared

    @property
    def image(self) -> Descriptor:
        """The manifest that follows from the files alone; its digest is not that of the release."""
        return self._own[0]

    def fetch(self, descriptor: Descriptor) -> Iterator[bytes]:
        """See `Store.fetch`."""
        if descriptor.media_type == IMAGE_LAYER:
            layer = self._layer(descriptor)
            return verified(descriptor, render_layer(layer))
        if self._evidence is not None:
            return self._evidence.fetch(descriptor)
        content = self._own[1].get(descriptor.digest)
        if content is None:
            raise NotFound(f"{descriptor.digest} is not in {self._folder}")
        return verified(descriptor, [content])

    def resolve(self, name: str) -> Descriptor:
        """See `Store.resolve`."""
        if self._evidence is not None:
            found = self._evidence.resolve(name)
            self._take(found)
            return found
        if name in (self.image.digest.text, self._declared.text if self._declared else ""):
            return self.image
        raise NotFound(f"{name} is not in {self._folder}")

    def referrers(
        self, subject: Digest, artifact_type: str | None = None
    ) -> tuple[Descriptor, ...]:
        """See `Store.referrers`."""
        return self._evidence.referrers(subject, artifact_type) if self._evidence else ()

    def exists(self, descriptor: Descriptor) -> bool:
        """See `Store.exists`."""
        if descriptor.media_type == IMAGE_LAYER:
            return descriptor.digest in self._placed
        if self._evidence is not None:
            return self._evidence.exists(descriptor)
        return descriptor.digest in self._own[1]

    def tags(self) -> tuple[str, ...]:
        """See `Store.tags`: unpacked files have none."""
        return ()

    def push(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """Raises `InvalidInput`: unpacked files are only read."""
        raise self._read_only()

    def add(self, media_type: str, chunks: Iterable[bytes]) -> Descriptor:
        """Raises `InvalidInput`: unpacked files are only read."""
        raise self._read_only()

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """Raises `InvalidInput`: unpacked files are only read."""
        raise self._read_only()

    def _read_only(self) -> InvalidInput:
        return InvalidInput(f"{self._folder} holds unpacked files: expected a layout or a registry")

    @cached_property
    def _layers(self) -> tuple[Layer, ...]:
        return release_layers(_files_below(self._folder))

    @cached_property
    def _placed(self) -> dict[Digest, Layer]:
        """The layers by the digest that the manifest gives them; filled by `resolve`."""
        return {}

    def _layer(self, descriptor: Descriptor) -> Layer:
        if self._evidence is None:
            self._own  # noqa: B018 - it finds the digest of each layer
        try:
            return self._placed[descriptor.digest]
        except KeyError as error:
            raise NotFound(f"{descriptor.digest} is no layer of {self._folder}") from error

    def _take(self, image: Descriptor) -> None:
        """Give each layer of the manifest the files that have to make it."""
        assert self._evidence is not None  # noqa: S101 - only called with evidence
        if image.media_type != IMAGE_MANIFEST:
            return
        manifest = Manifest.parse(read(self._evidence, image, MAX_MANIFEST))
        if manifest.subject is not None:
            return  # a statement about the release
        expected = [layer.annotations.get(_TITLE, "") for layer in manifest.layers]
        got = [title_of(layer) for layer in self._layers]
        if expected != got:
            missing, extra = sorted({*expected} - {*got}), sorted({*got} - {*expected})
            raise VerificationError(
                f"the files in {self._folder} are not those of {image.digest}: "
                f"missing {', '.join(missing) or 'nothing'}, added {', '.join(extra) or 'nothing'}",
                hint="unpack the release again into an empty folder",
            )
        pairs = zip(manifest.layers, self._layers, strict=True)
        self._placed.update({layer.digest: files for layer, files in pairs})

    @cached_property
    def _own(self) -> tuple[Descriptor, dict[Digest, bytes]]:
        """The image that follows from the files, and its small parts."""
        blobs = []
        for layer in self._layers:
            meter = Meter()
            for _ in meter.through(render_layer(layer)):
                pass
            blobs.append(Descriptor(IMAGE_LAYER, meter.digest, meter.size))
            self._placed[meter.digest] = layer
        config = canonical_json(
            {
                "architecture": "amd64",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": [blob.digest.text for blob in blobs]},
            }
        )
        described = Descriptor.of(IMAGE_CONFIG, config)
        manifest = Manifest(described, tuple(blobs)).render()
        image = Descriptor.of(IMAGE_MANIFEST, manifest)
        return image, {described.digest: config, image.digest: manifest}


def _files_below(folder: Path) -> dict[str, Content]:
    """Return the files of a release by their path in the image. A link or a device is refused."""
    files: dict[str, Content] = {}
    waiting = [folder]
    try:
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    path = Path(entry.path)
                    if path == folder / EVIDENCE:
                        continue
                    mode = entry.stat(follow_symlinks=False).st_mode
                    if stat.S_ISDIR(mode):
                        waiting.append(path)
                    elif stat.S_ISREG(mode):
                        files[f"{MODELS}/{path.relative_to(folder).as_posix()}"] = path
                    else:
                        raise InvalidInput(
                            f"{path} is not a regular file: a release cannot hold links",
                            hint="copy the files of the release instead of linking to them",
                        )
            if len(files) + len(waiting) > MAX_FILES:
                raise VerificationError(
                    f"{folder} holds too many files: expected at most {MAX_FILES}"
                )
    except OSError as error:
        raise Unavailable(f"{folder} cannot be read: {error.strerror}") from error
    return files
