"""The golden path: one standard road from a commit to a monitored model in production.

The packages follow the life of a model: `project`, `train`, `release`, `promote`, `deploy`,
`serve`, `observe`, `canary`, `audit`. The import contracts in `pyproject.toml` list which package
may import which; the build checks them.
"""

import os

from goldenpath.no_telemetry import NO_TELEMETRY
from goldenpath.version import __version__ as __version__

# Before any other import of this process: a library reads them when it is loaded.
os.environ.update(NO_TELEMETRY)
