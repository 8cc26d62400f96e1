"""The report on a release as an approver sees it: its digest and its gaps, which they sign."""

from datetime import timedelta

from goldenpath.audit.answers.evidence_gathering import gather_report
from goldenpath.audit.report.control_map import current_map
from goldenpath.audit.report.report import GAPS, render_markdown, report
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.compose.building import sources
from goldenpath.compose.process_context import now, write_whole
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.promote.gates.approval import SeenReport


def seen_report(home: Home, reference: str) -> SeenReport:
    """Return digest and gaps of the report as of the last second that is over, and keep its bytes.

    A report that is made later may differ: what is seen of commits and logs grows. So the bytes
    behind the signed digest stay in the home. Raises `Unavailable` if they cannot be written.
    """
    moment = now().replace(microsecond=0) - timedelta(seconds=1)
    origin, digest = sources(home, reference)
    document = report(gather_report(origin, digest, moment), current_map())
    gaps = tuple(
        f"{field.number} {status}"
        for status in GAPS
        for field in document.fields
        if field.status == status
    )
    text = render_markdown(document).encode()
    seen = SeenReport(Digest.of(text), show_moment(moment), gaps)
    write_whole(home.reports / f"{seen.digest.hex}.md", text)
    return seen
