"""What came out: one trained network, its drawing and its download."""
