"""A model as an OCI artifact: reproducible layers, an image manifest and a ModelPack manifest."""
