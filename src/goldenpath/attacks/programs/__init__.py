"""The suites `build` and `sandbox`: attacks by foreign programs."""
