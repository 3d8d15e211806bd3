"""What `serve` can be told: by a YAML (or JSON) file, by the environment, and by options, the later before the earlier.

In the environment a key is `AUTHZSVC_` and its path, joined by two underscores: `AUTHZSVC_LISTEN__TCP=127.0.0.1:9191`;
a list is written as JSON. Paths are relative to the working directory, wherever they stand.
"""

from __future__ import annotations

from authzsvc.settings.load import load as load
from authzsvc.settings.service import Listen as Listen
from authzsvc.settings.service import Settings as Settings
from authzsvc.settings.service import Tls as Tls
from authzsvc.settings.tokens import IssuerSettings as IssuerSettings
