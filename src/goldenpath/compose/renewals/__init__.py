"""What a retraining is made with."""
