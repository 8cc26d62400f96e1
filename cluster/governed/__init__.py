"""The cluster, governed: the same cases as on a laptop, judged by the real engine."""
