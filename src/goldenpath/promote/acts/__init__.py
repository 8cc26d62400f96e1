"""Acts of people and machines on a platform, as pure functions: a scene in, an intent out.

No act asks git, a store or the clock. `goldenpath.promote.workspace` reads the scene before, and
publishes the intent afterwards.
"""
