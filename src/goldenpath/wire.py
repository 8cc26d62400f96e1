"""Chooses implementations by the scheme of a URI: the only place where the seams are filled."""
