"""Child processes: launch records, commands and restarts."""
