"""Before any test imports gRPC, which tests do before they import us, its fork handlers are turned off."""

import authzsvc  # noqa: F401
