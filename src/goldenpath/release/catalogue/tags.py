"""The tags by which a version in the catalogue says what it is."""

DIGEST_TAG = "oci.digest"
"""Digest of the release."""
COMMIT_TAG = "git.commit"
