"""The page of `goldenpath policy test`."""

from collections import Counter

from goldenpath.deploy.policies.case_verdicts import CaseResult


def policy_test_page(results: tuple[CaseResult, ...]) -> str:
    """Return how many cases got which verdict, and each that got another than expected."""
    count = Counter(each.verdict for each in results)
    lines = [f"{len(results)} cases: {count['refused']} refused, {count['admitted']} admitted"]
    differing = [each for each in results if not each.agrees]
    for each in differing:
        verdict = each.verdict or "not found out"
        lines.append(f"{each.case}: expected {each.expected}, got {verdict}")
        if each.reason:
            lines.append(f"    {each.reason}")
    lines.append(f"{len(differing)} differ from what is expected")
    return "\n".join(lines)
