"""`goldenpath resume`: end a hold."""

from goldenpath.cli.holding import holding
from goldenpath.promote.workspace.stage_changes import resume

verb = holding(resume, "rollout.resumed", "End the hold of MODEL in a stage.")
