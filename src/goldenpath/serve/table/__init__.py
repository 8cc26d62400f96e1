"""Tables as callers of a model: rows in, a request for each part, answers out."""
