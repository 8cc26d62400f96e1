"""A real Kubernetes cluster on one plain machine, to walk the road in: `make cluster`."""
