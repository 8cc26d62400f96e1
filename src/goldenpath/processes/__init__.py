"""Parent and child processes: what a parent tells its children, and how it keeps them."""
