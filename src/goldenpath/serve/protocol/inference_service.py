"""The gRPC service of Open Inference Protocol v2: its names.

This module has only the names, because `grpc_messages` and `grpc_listener` load large libraries.
"""

SERVICE = "inference.GRPCInferenceService"
PREFIX = f"/{SERVICE}/"
"""Path prefix of the calls, over gRPC and as the body of a POST over HTTP/1.1."""
INFER = "ModelInfer"
INDEX = "RepositoryIndex"
CALLS = (
    "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", INFER,
    INDEX, "ModelConfig", "ModelStatistics",
)  # fmt: skip
"""The calls of the protocol, and those that clients of Triton make beside them."""
EXTENSIONS = ("binary_tensor_data",)
"""Protocol extensions of the servers."""
MEDIA_TYPE = "application/proto"
"""Media type of a message as the body of a request or an answer over HTTP/1.1."""
