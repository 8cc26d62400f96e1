"""What the claims of a motor policy are expected to cost in one year."""
