"""One release for all tests of the printed report."""

from dataclasses import replace

import pytest

from goldenpath.audit.events.log_state import LogState, LogStates
from goldenpath.audit.report.evidence_bundle import CalibrationBin, EvidenceBundle
from goldenpath.audit.report.printing.printed_report import PrintedReport, printed
from goldenpath.audit.report.report_profile import profiled
from tests.audit.made import Made, bundle_of, make_release
from tests.starter import LASTING

WHOLE = LogStates(LogState("whole"), LogState("whole"))


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_release(tmp_path_factory.mktemp(f"{LASTING}release"))


@pytest.fixture(scope="session")
def bundle(release: Made) -> EvidenceBundle:
    bins = tuple(CalibrationBin(n / 4, n / 4, n / 4 - 0.1, n / 4 + 0.1, 600) for n in range(1, 4))
    return replace(bundle_of(release), calibration=bins, logs=WHOLE)


@pytest.fixture(scope="session")
def document(bundle: EvidenceBundle) -> PrintedReport:
    return printed(profiled(bundle, "ai-act"), bundle)
