"""What pushes and tags change in the index of a layout, collected for one write."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from goldenpath.digest import Digest
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.index_entry import Entry, listed, tagged


@dataclass(slots=True)
class IndexEdit:
    """Manifests that are to be listed, by the list that they go into."""

    manifests: dict[Digest, Descriptor] = field(default_factory=dict)
    """Those without a subject, which `index.json` lists itself."""
    referrers: dict[Digest, dict[Digest, Descriptor]] = field(default_factory=dict)
    """Those with a subject, by subject."""
    tags: dict[str, Descriptor] = field(default_factory=dict)

    def add(self, descriptor: Descriptor, subject: Digest | None) -> None:
        """List a manifest: in `index.json`, or among the referrers of its subject."""
        into = self.manifests if subject is None else self.referrers.setdefault(subject, {})
        into[descriptor.digest] = descriptor

    def lists(self, digest: Digest) -> bool:
        """Whether it lists this manifest."""
        return digest in self.manifests or any(digest in each for each in self.referrers.values())

    def in_index(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the entries with the manifests without a subject."""
        for descriptor in self.manifests.values():
            entries = listed(entries, descriptor)
        return entries

    def with_tags(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the entries with the tags moved."""
        for name, descriptor in self.tags.items():
            entries = tagged(entries, name, descriptor)
        return entries
