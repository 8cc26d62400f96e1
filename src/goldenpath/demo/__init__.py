"""The whole road on one machine, on real data, typed out command by command."""
