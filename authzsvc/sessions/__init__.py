"""Which FIX sessions live, who may not trade now, and what operators can do about it."""
