"""What keeps records of the prediction log, and whose records they are."""
