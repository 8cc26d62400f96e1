"""Makes what runs agree with git: what is desired, what is observed, and the difference."""
