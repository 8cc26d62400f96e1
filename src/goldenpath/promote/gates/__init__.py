"""The gates of a stage: pure functions of the evidence of a release."""
