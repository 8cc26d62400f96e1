"""A model that was trained elsewhere. Code of the project, if it gets some, stands here."""
