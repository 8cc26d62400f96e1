"""What stands in a layout, and what of it nobody needs any more."""
