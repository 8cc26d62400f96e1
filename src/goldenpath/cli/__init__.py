"""The command line: one file per verb, each parses, wires, calls and shows."""
