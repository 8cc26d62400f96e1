"""The second door of Open Inference Protocol v2: its messages, and calls over gRPC.

Names that cost nothing to know stand here; `messages` and `door` load large libraries.
"""

SERVICE = "inference.GRPCInferenceService"
PREFIX = f"/{SERVICE}/"
"""Where the calls stand in a target, over gRPC and as the body of a POST over HTTP/1.1."""
INFER = "ModelInfer"
CALLS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", INFER)
EXTENSIONS = ("binary_tensor_data",)
"""Of the protocol, that a server here has."""
MEDIA_TYPE = "application/proto"
"""Of a message that is the body of a request or an answer over HTTP/1.1."""
