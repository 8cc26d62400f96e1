"""Everything learned from the prediction log, outside the path of a request."""
