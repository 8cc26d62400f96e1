"""What this kernel enforces, tried once in a process: many modules ask while they are collected."""

from functools import cache

from goldenpath.processes.confinement import confine

confined = cache(confine)
