"""SLSA provenance v1 of a training run."""
