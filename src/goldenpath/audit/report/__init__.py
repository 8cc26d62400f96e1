"""The technical documentation of a release, as a pure function of its evidence."""
