"""Tests of the branch `anchors`."""
