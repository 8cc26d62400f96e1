"""References: how people and manifests name an artifact (distribution specification)."""
