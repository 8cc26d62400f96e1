"""The command line: one module per verb, which parses options, calls the product and prints."""
