"""Findings as text, for every verb that shows them."""

from collections.abc import Sequence

from goldenpath.release.attest.policy import Finding

_MARKS = {"pass": "ok", "fail": "FAIL", "waived": "waived", "not applicable": "-"}


def findings_text(findings: Sequence[Finding]) -> str:
    """Return one line per finding, with the cure below each that failed."""
    lines = []
    for finding in findings:
        lines.append(f"  {_MARKS[finding.status]:6} {finding.check:16} {finding.message}")
        if finding.status == "fail" and finding.cure:
            lines.append(f"         cure: {finding.cure}")
    return "\n".join(lines)
