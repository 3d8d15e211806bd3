"""AlgoProvider's story on one machine: a simulated venue, a FIX client, the real Envoy, the real decision service."""
