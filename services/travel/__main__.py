"""Runs travel alone: ``python -m services.travel``."""

from services.travel.app import create_app
from services.travel.settings import Settings
from shared.process import serve

if __name__ == "__main__":
    serve(create_app, Settings)
