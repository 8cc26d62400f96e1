"""Makes what runs agree with git."""
