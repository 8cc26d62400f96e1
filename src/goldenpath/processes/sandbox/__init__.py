"""The launcher of confined programs. Standard library only: it runs with `python -I -S`."""
