"""KServe, Contour and Argo CD: the controllers of a cluster, run beside it on this machine."""
