"""OAuth 2.0 least privilege for FIX: the decision service behind Envoy's FIX filter."""

__version__ = "0.1.0"
