"""Tests of the gitops repository: real git, real signatures."""
