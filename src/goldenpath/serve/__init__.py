"""The model server: Open Inference Protocol v2 over a verified release."""
