"""The report as pages: one document of marked sentences, printed as HTML or as PDF."""
