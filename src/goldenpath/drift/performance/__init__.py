"""How well a release does, from its scores alone and from labels."""
