"""Runs the gateway alone: ``python -m services.gateway``."""

from services.gateway.app import create_app
from services.gateway.settings import Settings
from shared.process import serve

if __name__ == "__main__":
    serve(create_app, Settings)
