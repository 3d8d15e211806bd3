"""The cost of a decision: the compiled mapping against other policy engines, and against its own size."""
