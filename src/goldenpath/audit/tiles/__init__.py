"""The audit log as a Merkle tree in files that the tools of other transparency logs read."""
