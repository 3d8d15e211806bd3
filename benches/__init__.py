"""What the gateway costs, measured against plain Envoy on the same machine in the same run: `python -m benches`.

`report` is pure: samples in, statistics, tables and JSON out. `load` drives the Rust programs in `load/` that send and
receive, `rig` sets the real parts up on loopback, `rounds` takes the samples.
"""

# Before any bench imports gRPC, its fork handlers are turned off.
import authzsvc  # noqa: F401
