"""Runs screening alone: ``python -m services.screening``."""

from services.screening.app import create_app
from services.screening.settings import Settings
from shared.process import serve

if __name__ == "__main__":
    serve(create_app, Settings)
