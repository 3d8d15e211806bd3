"""Measures how a flood on one listener of the decision service delays the answers of the others."""
