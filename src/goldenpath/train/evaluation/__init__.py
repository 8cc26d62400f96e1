"""What a trained model says about its rows, as metrics."""
