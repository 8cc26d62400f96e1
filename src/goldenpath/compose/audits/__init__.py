"""Where the registers and questions of an auditor read from."""
