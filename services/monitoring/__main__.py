"""Runs monitoring alone."""

from services.monitoring.app import create_app
from services.monitoring.settings import Settings
from shared.process import serve

if __name__ == "__main__":
    serve(create_app, Settings)
