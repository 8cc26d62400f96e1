"""The tags that connect a version in the catalogue with its release."""

DIGEST_TAG = "oci.digest"
"""Digest of the release."""
COMMIT_TAG = "git.commit"
