"""Runs reintegration alone."""

from services.reintegration.app import create_app
from services.reintegration.settings import Settings
from shared.process import serve

if __name__ == "__main__":
    serve(create_app, Settings)
