"""Known vulnerabilities of what is live: scanned daily, as findings that a VEX statement closes."""
