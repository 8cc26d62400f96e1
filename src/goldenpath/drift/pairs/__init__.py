"""How columns go together: what no column shows alone."""
