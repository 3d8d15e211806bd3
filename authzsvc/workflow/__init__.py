"""What people do with a mapping before it goes live: lint it, test it, read it as a matrix, explain it, compare it."""
