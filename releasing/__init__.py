"""`make release`: what is published of goldenpath itself, made from one commit.

A wheel that anybody can make again byte for byte, its bill of materials, signed statements, and a
bundle for networks without an index.
"""
