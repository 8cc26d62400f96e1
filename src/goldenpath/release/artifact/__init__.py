"""A model as OCI artifact: deterministic layers, one image manifest and one ModelPack manifest."""
