"""The tag of the index that lists what refers to a manifest, where no API lists it.

Source: OCI distribution specification, "Referrers tag schema".
"""

import re

from goldenpath.digest import Digest

FALLBACK_TAG = re.compile(r"sha256-[0-9a-f]{64}")


def fallback_tag(subject: Digest) -> str:
    """Return the tag of the index of a subject."""
    return f"sha256-{subject.hex}"
