"""The gateway: Envoy's configuration as a function of a few options, and the programs that it needs.

`options` says what can be chosen, `filter_settings` what the FIX filter can be told, `config` turns both into Envoy's
bootstrap (pure), `tools` finds the Envoy binary and the filter's library on this machine.
"""

from authzsvc.gateway.config import envoy_config
from authzsvc.gateway.filter_settings import FilterSettings
from authzsvc.gateway.options import ClientTls, Endpoint, GatewayOptions, ServerTls
from authzsvc.gateway.tools import envoy_command, envoy_environment, find_envoy, find_filter

__all__ = [
    "ClientTls",
    "Endpoint",
    "FilterSettings",
    "GatewayOptions",
    "ServerTls",
    "envoy_command",
    "envoy_config",
    "envoy_environment",
    "find_envoy",
    "find_filter",
]
