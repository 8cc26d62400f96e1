"""What people and machines may do to a platform, as pure functions."""
