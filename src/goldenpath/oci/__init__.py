"""The OCI image model as values, the `Store` seam, and copying between stores."""
