"""The files of a cluster as plain YAML, and which of them a repository lacks."""
