"""The canary judge: counts of two releases, a verdict, and the commit for it."""
