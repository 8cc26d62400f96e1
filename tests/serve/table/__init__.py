"""Tests of tables as callers."""
