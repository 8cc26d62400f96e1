"""What can go from the registry of this machine, and its removal."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from goldenpath.audit.keeping.release_keeping import (
    KeepingRules,
    KeepingVerdict,
    judge_releases,
    stage_stays,
)
from goldenpath.audit.timeline.intent import read_history
from goldenpath.compose.gitops_access import gitops, sighting, trusted
from goldenpath.compose.process_context import now
from goldenpath.compose.stores import store_uri
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.observe.log.segment import parse_checkpoint
from goldenpath.observe.log.segments.stored_segments import stored_segments
from goldenpath.oci.upkeep.layout_census import LayoutCensus, take_census
from goldenpath.oci.upkeep.layout_pruning import Unneeded, move_listed, prune, unneeded
from goldenpath.promote.platform.platform import Platform


@dataclass(frozen=True, slots=True)
class RegistryUpkeep:
    """A layout as it was read, the verdicts on its releases, and what can go."""

    root: Path
    census: LayoutCensus
    verdicts: tuple[KeepingVerdict, ...]
    plan: Unneeded
    moment: datetime

    def perform(self) -> Unneeded:
        """Remove it, and return what is gone. Whatever changed since then stays."""
        decided = {each.digest: each.manifests for each in self.plan.roots}
        gone = prune(self.root, decided, self.moment.timestamp())
        move_listed(self.root)
        return gone


def registry_upkeep(
    home: Home, *, after_leaving: timedelta, never_placed: timedelta, releases: bool = True
) -> RegistryUpkeep:
    """Return what nobody needs in the registry; without `releases`, only files of none of them.

    Raises `InvalidInput` if the registry is no layout, and `VerificationError` for a manifest or
    checkpoint that cannot be read.
    """
    newest, moment = trusted(home), now()
    root = _layout(home, newest.platform)
    census = take_census(root)
    if not releases:
        return RegistryUpkeep(root, census, (), unneeded(census, ()), moment)
    records = {stage.name: stage.log.records for stage in newest.platform.stages}
    history = read_history(gitops(home), newest.commit, sighting=sighting(home))
    verdicts = tuple(
        judge_releases(
            census.roots,
            stage_stays(history),
            _in_log(home),
            rules=KeepingRules(records, after_leaving, never_placed),
            now=moment,
        )
    )
    going = {each.digest for each in verdicts if not each.stays}
    plan = unneeded(census, {each.digest for each in census.roots if each.digest.text in going})
    return RegistryUpkeep(root, census, verdicts, plan, moment)


def _layout(home: Home, platform: Platform) -> Path:
    form, _, path = store_uri(home, platform).partition(":")
    if form != "layout":
        raise InvalidInput(
            f"the registry {platform.registry_store} is not a folder of this machine",
            hint="a registry has rules of its own for what it keeps; keep there what is in git",
        )
    return Path(path)


def _in_log(home: Home) -> frozenset[str]:
    """Return the releases with records in the prediction log, those that a hold keeps too."""
    return frozenset(
        parse_checkpoint(segment.checkpoint(), None).release
        for segment in stored_segments(home.predictions)
        if segment.has_table()
    )
