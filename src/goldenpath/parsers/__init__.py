"""How bytes of files become values: one reader for YAML, one for TOML, and types for both and JSON.

Whoever can write a file must not be able to end the process that reads it. So each reader bounds
size and depth before anything recursive sees the bytes, and each fault is an `InvalidInput`.
The reader of JSON is `goldenpath.canonical.parse_json`.
"""
