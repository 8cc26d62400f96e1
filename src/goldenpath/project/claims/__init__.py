"""Claims: what people write in statements, held against what is signed about the release."""
