"""The gRPC server: where the pure decision meets sockets, files, signals and the clock."""
