"""What the promises about speed are measured with: ``make bench``, or ``python -m tests.benchmark``."""
