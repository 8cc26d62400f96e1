"""A verified release as a model that scores rows."""
