"""What proofs about single predictions are made from."""
