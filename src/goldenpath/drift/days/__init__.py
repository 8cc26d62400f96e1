"""Whole days as the unit of judgement, for columns whose rows depend on each other in odd ways."""
