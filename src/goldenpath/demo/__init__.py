"""The demo: the whole path on one machine with real data, command by command."""
