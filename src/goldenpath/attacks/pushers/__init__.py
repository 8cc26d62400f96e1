"""The suite `gitops`: attacks by whoever may push to the gitops repository, listed or not."""
