"""What `mapping export --to terraform` writes, read by Terraform itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from authzsvc.demo.stack import find_mapping
from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow.exports import profile, terraform


def test_terraform_takes_the_shipped_mapping(tmp_path: Path) -> None:
    """`terraform fmt -check` fails for text that is no HCL, or in another layout."""
    assert shutil.which("terraform"), "`terraform` is missing (install it)"
    path = tmp_path / "main.tf"
    path.write_text(terraform.text(profile.of(compile_mapping(find_mapping("institutional.yaml")))))
    done = subprocess.run(["terraform", "fmt", "-check", "-no-color", str(path)], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
