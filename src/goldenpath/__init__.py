"""The golden path: one standard road from a commit to a monitored model in production.

The packages follow the life of a model: `project`, `train`, `release`, `promote`, `deploy`,
`serve`, `observe`, `canary`, `audit`. The import contracts in `pyproject.toml` list which package
may import which; the build checks them.
"""

__version__ = "0.1.0"
