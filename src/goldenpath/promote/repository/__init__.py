"""The repository that says what runs where, and the signed commits that change it."""
