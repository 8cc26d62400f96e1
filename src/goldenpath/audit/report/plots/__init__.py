"""Plots of the report as vector graphics, drawn by hand: the same facts give the same bytes."""
