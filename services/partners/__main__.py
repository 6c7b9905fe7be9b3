"""Runs the partners' service alone."""

from services.partners.app import create_app
from services.partners.settings import Settings
from shared.process import serve

if __name__ == "__main__":
    serve(create_app, Settings)
