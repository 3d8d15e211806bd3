"""`authzsvc mapping`: write, review, test and roll out a mapping; a module a sub-command."""

from __future__ import annotations

import typer

from authzsvc.cli import (
    mapping_diff,
    mapping_explain,
    mapping_export,
    mapping_import,
    mapping_inventory,
    mapping_lint,
    mapping_matrix,
    mapping_migrate,
    mapping_replay,
    mapping_sign,
    mapping_test,
)

app = typer.Typer(help="Write, review, test and roll out a mapping.", no_args_is_help=True)
app.command("inventory")(mapping_inventory.command)
app.add_typer(mapping_import.app, name="import")
app.command("lint")(mapping_lint.command)
app.command("test")(mapping_test.command)
app.command("matrix")(mapping_matrix.command)
app.command("explain")(mapping_explain.command)
app.command("export")(mapping_export.command)
app.command("diff")(mapping_diff.command)
app.command("migrate")(mapping_migrate.command)
app.command("sign")(mapping_sign.sign)
app.command("verify")(mapping_sign.verify)
app.command("keygen")(mapping_sign.keygen)
app.command("replay")(mapping_replay.command)
