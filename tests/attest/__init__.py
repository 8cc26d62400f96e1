"""Tests of signatures and evidence."""
