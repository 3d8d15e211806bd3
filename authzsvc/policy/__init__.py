"""Which scope grants which FIX message: the mapping's language, its compiler, and the engine that decides."""
