"""Reading other people's sources: findings with reproductions and patches, and what was contributed."""
