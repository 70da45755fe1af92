"""A run that a service elsewhere computes with: the Python client, and what the engine needs to use one."""

from dnr_core.remote.client import Client

__all__ = ["Client"]
