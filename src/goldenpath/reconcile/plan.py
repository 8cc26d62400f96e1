"""The difference between what git wants and what runs, as actions."""
