"""What a flood on one listener of the decision service does to the answers of the others."""
