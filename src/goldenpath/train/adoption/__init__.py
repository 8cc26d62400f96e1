"""Makes a project of a model that was trained elsewhere, from its file and a table."""
