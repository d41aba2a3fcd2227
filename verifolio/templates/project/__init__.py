"""__SLUG__: what it measures stands in experiments.yml."""
