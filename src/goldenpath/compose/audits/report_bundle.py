"""The evidence behind a report: what one release has, and how often its data were looked at."""

from dataclasses import replace
from datetime import datetime

from goldenpath.audit.answers.evidence_gathering import Sources, gather_report
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.test_sets.look_ledger import gather_looks
from goldenpath.compose.audits.register_sources import signed_records
from goldenpath.compose.gitops_access import signed_statements
from goldenpath.compose.process_context import now
from goldenpath.digest import Digest
from goldenpath.home import Home


def report_bundle(home: Home, origin: Sources, digest: Digest, moment: datetime) -> EvidenceBundle:
    """Return the evidence about a release as of a moment. Raises what `gather` raises.

    The looks of other releases count by the keys that the platform listed then.
    """
    bundle = gather_report(origin, digest, moment)
    records = signed_records(home, min(moment, now()))
    statements = signed_statements(home, records.platform())
    looks = gather_looks(replace(records, read_statements=statements), home)
    return replace(bundle, looks=looks)
