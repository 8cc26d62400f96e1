"""The report as PDF: the same content as the HTML page, the same bytes each time."""

import sys

import pytest

from goldenpath.audit.report.printing.pdf_report import pdf_report
from goldenpath.audit.report.printing.printed_report import PrintedReport
from goldenpath.errors import Unavailable


def test_the_same_document_gives_the_same_pdf_with_the_time_of_the_bundle(
    document: PrintedReport,
) -> None:
    pytest.importorskip("typst")

    first, second = pdf_report(document), pdf_report(document)

    assert first == second
    assert first.startswith(b"%PDF-")
    assert b"2026-11-23T12:00:00" in first or b"D:20261123120000" in first


def test_without_the_typesetter_the_error_names_the_cure(
    document: PrintedReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)  # as if the extra were not installed

    with pytest.raises(Unavailable) as error:
        pdf_report(document)

    assert "goldenpath[pdf]" in str(error.value.hint)
