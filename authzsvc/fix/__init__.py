"""FIX as data: the dictionary of each version, the fields of a message, and the direction that it travels in."""
