"""Where acts meet the world: scenes are read, acts decide, and one function publishes."""
