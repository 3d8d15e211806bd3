"""OAuth 2.0 least privilege for FIX: the decision service behind Envoy's FIX filter."""

import os

# gRPC's fork handlers would run in each process that starts another one (the demo, the benches, the tests), where they
# have nothing to mend: they have been seen to abort the child, and to wait for ever in the parent. gRPC reads this when
# it is imported, so it must stand here, where nothing of ours has imported it yet.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

__version__ = "0.1.0"
