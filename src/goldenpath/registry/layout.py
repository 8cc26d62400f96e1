"""A store in a folder: the OCI image layout."""
