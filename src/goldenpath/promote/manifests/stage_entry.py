"""How a release entered a stage, as the commits of `main` show it."""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest


@dataclass(frozen=True, slots=True)
class StageEntry:
    """One commit that brought a release into a stage, and what git declared before it."""

    commit: str
    time: datetime
    """When it entered. Gates, approvals and waivers are judged as of this time."""
    live: Digest | None
    """The stable release of the stage before the commit; None if it did not run the model."""
    before_since: datetime | None
    """Since when the release was the stable one of the previous stage; None if it was not."""
