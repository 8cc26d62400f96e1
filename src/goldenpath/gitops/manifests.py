"""Renders a deployment as the KServe InferenceService and the release file, and reads them."""
