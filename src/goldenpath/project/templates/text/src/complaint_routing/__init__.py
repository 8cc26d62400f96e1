"""The desk that a message of a customer goes to."""
