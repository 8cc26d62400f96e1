"""A cluster that follows the repository: examined, and what is admitted there."""
