"""The files of the gitops repository: what each deployment wants, as values and as text."""
