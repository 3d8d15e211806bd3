"""The contract with the proxy: a FIX message as an ext_authz `Check`, and the answer (see proto/README.md)."""
