"""Partner agencies: what each has agreed to get, and that it gets this and nothing else."""
