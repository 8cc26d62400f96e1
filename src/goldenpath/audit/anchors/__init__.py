"""The branch `anchors`: heads of the logs that somebody else than this machine holds."""
