"""A Kubernetes cluster that follows the gitops repository, asked and never changed."""
