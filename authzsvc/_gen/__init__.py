"""Code generated from proto/ by `python -m authzsvc.contract.generate`; do not edit."""
