"""The page of `goldenpath attack`: what refused each attack, and which controls are needed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goldenpath.release.attacks.suite import SuiteResult


def page(results: "Mapping[str, SuiteResult]") -> str:
    """Return the outcomes of one suite, or of several with their names."""
    if len(results) == 1:
        return "".join(map(_text, results.values()))
    return "\n\n".join(f"suite {name}\n{_text(result)}" for name, result in results.items())


def _text(result: "SuiteResult") -> str:
    lines = []
    for outcome in result.outcomes:
        mark = "refused" if outcome.refused else "PASSED "
        lines.append(f"{mark}  {outcome.attack}")
        lines.append(f"         {outcome.control}: {outcome.reason}")
    for left_out in result.left_out:
        lines.append(f"left out {left_out.attack}")
        lines.append(f"         {left_out.control}: {left_out.reason}")
    lines.append("")
    width = max((15, *(len(ablation.control) for ablation in result.ablations)))
    for ablation in result.ablations:
        verdict = "exactly as expected" if ablation.exact else "NOT as expected"
        count = f"{len(ablation.succeeded)} of {len(ablation.expected)}"
        lines.append(f"without {ablation.control:{width}} {count:>8} attacks pass, {verdict}")
    refused = sum(outcome.refused for outcome in result.outcomes)
    lines.append(f"\n{refused} of {len(result.outcomes)} attacks refused")
    if result.left_out:
        lines.append(
            f"{len(result.left_out)} more show nothing on this machine and were left out: "
            "nothing is claimed about them here"
        )
    return "\n".join(lines)
