"""The ``homeward`` command: one file for each noun.

Commands that look into a suite talk to its gateway like any other client; ``up`` and ``demo`` run one themselves.
"""
