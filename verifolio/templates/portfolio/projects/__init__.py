"""Projects: each folder declares its experiments in experiments.yml."""
