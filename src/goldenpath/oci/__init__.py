"""The OCI image model as values, the `Store` protocol, and copying between stores."""
