"""The source of a build: the files of a commit, read without the project's git configuration."""
