"""`python -m goldenpath.serve`: a model server, the child of the process that launches it.

With the argument `shared` the process holds the servers of several releases.
"""

import sys

from goldenpath.serve.server import lifecycle, shared_server

sys.exit(shared_server.main() if sys.argv[1:] == ["shared"] else lifecycle.main())
