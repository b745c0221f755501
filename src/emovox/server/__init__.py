"""Predictions over HTTP and WebSocket: ``create_app`` makes the application, ``serve`` runs it."""

from emovox.server.app import create_app
from emovox.server.run import listen, serve
from emovox.server.settings import Settings

__all__ = ["Settings", "create_app", "listen", "serve"]
