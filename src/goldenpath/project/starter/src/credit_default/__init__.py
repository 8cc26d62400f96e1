"""How likely a credit card client is to be two or more months late next month."""
