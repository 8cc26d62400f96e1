"""Tests of the adoption of models."""
