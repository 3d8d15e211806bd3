"""Starting mappings from what a desk has: a table of permissions, recorded days, an authorization server's export.

Each source is read into a `Draft` (`table`, `learn`, `keycloak`, `okta`). `text` writes it, `examples` makes its tests,
and `finish` compiles, lints, tests and replays the result.
"""
