"""Reads YAML and TOML files strictly, and turns their values and those of JSON into types.

A hostile file must not be able to end the process that reads it. So each reader bounds size and
depth before a recursive parser sees the bytes, and raises `InvalidInput` for every fault. The
reader of JSON is `goldenpath.canonical.parse_json`.
"""
