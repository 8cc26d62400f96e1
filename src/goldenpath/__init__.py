"""The golden path: one standard road from a commit to a monitored model in production.

The packages stand in the order of the road: `project`, `train`, `artifact`, `attest`, `registry`,
`promote`, `gitops`, `reconcile`, `targets`, `serve`, `gateway`, `observe`, `audit`. A package may
import those before it, never those after it; the build checks this.
"""

__version__ = "0.1.0"
