"""The newest segment of each replica, with the tree head over all its checkpoint files.

The tree lets a short proof show that one segment is among those that a signed commit holds.
Segments never change, so each checkpoint file is read once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldenpath.audit.anchors.anchor_record import AnchoredSegment
from goldenpath.errors import GoldenPathError
from goldenpath.merkle_tree import GrowingTree
from goldenpath.observe.log.segment import parse_checkpoint
from goldenpath.observe.log.segments.stored_segments import stored_segments

CheckpointFiles = Mapping[str, Callable[[], bytes]]
"""What reads each checkpoint file, by a name that no other has."""
_Place = tuple[str, str, str]
"""Stage, model and replica."""


def checkpoint_files(predictions: Path) -> CheckpointFiles:
    """Return the checkpoint files of the prediction log in a folder."""
    return {each.relative: each.checkpoint for each in stored_segments(predictions)}


@dataclass(slots=True)
class SegmentTrees:
    """The trees over one prediction log, which are read further each time."""

    _known: set[str] = field(default_factory=set)
    _trees: dict[_Place, GrowingTree] = field(default_factory=dict)
    _newest: dict[_Place, tuple[int, str]] = field(default_factory=dict)
    """Number and digest of the newest segment."""

    def advance(self, files: CheckpointFiles) -> tuple[AnchoredSegment, ...]:
        """Read the checkpoints that are new, and return the newest segment of each replica."""
        arrived: list[tuple[int, _Place, str, bytes]] = []
        for path, read in files.items():
            if path in self._known:
                continue
            try:
                content = read()
                checkpoint = parse_checkpoint(content, None)
            except (GoldenPathError, OSError):
                continue  # the check of the log says what is wrong with it
            place = (checkpoint.stage, checkpoint.model, checkpoint.replica)
            arrived.append((checkpoint.number, place, path, content))
            if self._newest.get(place, (-1, ""))[0] < checkpoint.number:
                self._newest[place] = checkpoint.number, checkpoint.content
        for number, place, path, content in sorted(arrived, key=lambda each: each[:2]):
            tree = self._trees.setdefault(place, GrowingTree())
            # What follows a gap is no leaf: it is read again in case the gap is filled.
            if number == tree.size:
                tree.add(content)
                self._known.add(path)
        return tuple(self._anchored(place) for place in sorted(self._newest))

    def _anchored(self, place: _Place) -> AnchoredSegment:
        number, digest = self._newest[place]
        tree = self._trees[place]
        head = f"sha256:{tree.root().hex()}" if tree.size == number + 1 else ""
        return AnchoredSegment(*place, number, digest, head)
