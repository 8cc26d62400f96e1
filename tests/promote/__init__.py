"""Tests of gates, approvals and promotion."""
