"""`python -m goldenpath.serve`: one model server, a child of whoever writes its launch line."""

import sys

from goldenpath.serve.child import main

sys.exit(main())
