"""The installed distribution: a folder ``suite`` as a checkout has it, and the command that finds it."""
