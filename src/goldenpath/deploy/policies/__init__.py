"""The admission policies of a cluster, judged without a cluster, and the cases that try them."""
