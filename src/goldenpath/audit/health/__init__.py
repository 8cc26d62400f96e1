"""The health of deployments: what several sources say about one, on one page."""
