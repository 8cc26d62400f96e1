"""Container images of our own programs, built from Python alone and reproducible to the byte."""
