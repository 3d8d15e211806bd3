"""What people would use instead of the gateway, under the same load: OPA behind ext_authz, a bridge of FIX engines."""
