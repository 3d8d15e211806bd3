"""Sessions by the thousand, through the real Envoy: how they begin, what they cost, how they end."""
