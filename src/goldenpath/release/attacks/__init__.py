"""Named attacks on the verifier of releases, each on a release that is made for it."""
