"""The files of sealed segments, and how many of them become one."""
