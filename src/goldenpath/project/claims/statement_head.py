"""The head of a statement: who answers for it, who approved it, when, and until when it holds."""

HEADER = ("owner", "approved_by", "approved_on", "review_by")
FILL = "fill it in once that person has read the text, and commit it"
"""The cure of an empty field of the head."""
