"""`python -m goldenpath.serve`: one model server, a child of whoever writes its launch line."""

import sys

from goldenpath.serve.server.lifecycle import main

sys.exit(main())
