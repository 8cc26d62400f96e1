"""Pull requests on a forge, for platforms whose `main` accepts no push."""
