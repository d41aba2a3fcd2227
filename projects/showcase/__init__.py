"""What the twelve weeks add up to: a Kaggle submission from the published classifier."""
