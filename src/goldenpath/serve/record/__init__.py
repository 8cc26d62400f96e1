"""The spool: the record of each answer before it reaches the prediction log."""
