"""Access tokens: the claims that matter, the keys that sign them, and the verifier that tells good from bad."""
