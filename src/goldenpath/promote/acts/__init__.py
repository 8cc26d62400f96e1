"""What people and machines may do to a platform, as pure functions: a scene in, an intent out.

No act asks git, a store or the clock: what it decides on was read before, and what it decides is
published by `goldenpath.promote.workspace`.
"""
