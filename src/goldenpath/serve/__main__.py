"""`python -m goldenpath.serve`: one model server, the child of the process that launches it."""

import sys

from goldenpath.serve.server.lifecycle import main

sys.exit(main())
