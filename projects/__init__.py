"""The portfolio's projects: each folder runs its own experiments and keeps its own results."""
