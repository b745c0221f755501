"""How models learn: networks by gradient descent, heads on what published networks hear."""
