"""What is said about a digest, who signed it, and what a verifier makes of both."""
