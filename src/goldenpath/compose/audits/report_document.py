"""The report on a release in the format that is asked for, from the evidence of this machine."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime

from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.printing.markdown_report import front_record, markdown_report
from goldenpath.audit.report.report import Report, ReportFormat
from goldenpath.audit.report.report_profile import ProfileName, profiled
from goldenpath.compose.audits.report_bundle import report_bundle
from goldenpath.compose.building import sources
from goldenpath.compose.gitops_access import release_or_newest
from goldenpath.errors import NotFound
from goldenpath.home import Home


@dataclass(frozen=True, slots=True)
class MadeReport:
    """A report and the bundle that it was made from."""

    report: Report
    bundle: EvidenceBundle

    def rendered(self, form: ReportFormat) -> bytes:
        """Return the document; its verb prints `json`. Raises `Unavailable` without typst."""
        # Imported late: template engine and typesetter are of no use to the other formats.
        match form:
            case "html":
                from goldenpath.audit.report.printing.html_report import html_report
                from goldenpath.audit.report.printing.printed_report import printed

                return html_report(printed(self.report, self.bundle)).encode()
            case "pdf":
                from goldenpath.audit.report.printing.pdf_report import pdf_report
                from goldenpath.audit.report.printing.printed_report import printed

                return pdf_report(printed(self.report, self.bundle))
            case _:
                return markdown_report(self.report, self.bundle).encode()

    @property
    def record(self) -> dict[str, object]:
        """The report with page one, for JSON."""
        fields = {each.name: getattr(self.report, each.name) for each in dataclasses.fields(Report)}
        return {"page_one": front_record(self.report, self.bundle), **fields}


def made_report(home: Home, reference: str, moment: datetime, profile: ProfileName) -> MadeReport:
    """Return the report on a release by a profile, as of a moment.

    The name of a model stands for its newest release. Raises what `gather` raises.
    """
    try:
        origin, digest = sources(home, reference)
    except NotFound:
        origin, digest = sources(home, release_or_newest(home, reference).text)
    bundle = report_bundle(home, origin, digest, moment)
    return MadeReport(profiled(bundle, profile), bundle)
