"""Which paths of the gitops repository are the files of a deployment.

Everybody who judges a commit asks this one pattern. Names of stages and models are those that
`platform.toml` and the reader of manifests accept. So nothing with other letters, another case, a
line break or `..` in its path is taken for a deployment: it is some other file.
"""

import re

_NAME = r"[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?"
MODEL_NAME = re.compile(_NAME)
"""The names of models. All of a name has to match."""
DEPLOYMENT_PATH = re.compile(
    rf"envs/(?P<stage>{_NAME})/(?P<model>{_NAME})/"
    r"(?P<file>inferenceservice|route|release|(?P=model)-[0-9a-f]{8})\.yaml"
)
"""The paths of the files of a deployment in either form. All of a path has to match."""
