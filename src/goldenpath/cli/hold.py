"""`goldenpath hold`: keep a model as it is in a stage until somebody resumes."""

from goldenpath.cli.holding import holding
from goldenpath.promote.workspace.stage_changes import hold

verb = holding(
    hold, "rollout.held", "Keep MODEL as it is in a stage; only a rollback stays possible."
)
