"""The report on a release as an approver sees it: its digest and its gaps, which they sign."""

from datetime import timedelta

from goldenpath.audit.report.control_map import current_map
from goldenpath.audit.report.printing.markdown_report import markdown_report
from goldenpath.audit.report.report import GAPS, report
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.compose.audits.report_bundle import report_bundle
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
    bundle = report_bundle(home, origin, digest, moment)
    document = report(bundle, current_map())
    gaps = tuple(
        f"{field.number} {status}"
        for status in GAPS
        for field in document.fields
        if field.status == status
    )
    text = markdown_report(document, bundle).encode()
    seen = SeenReport(Digest.of(text), show_moment(moment), gaps)
    write_whole(home.reports / f"{seen.digest.hex}.md", text)
    return seen
