"""The evidence about a release: facts that its build recorded, and their comparison."""
