"""Sentiment classification of film reviews: five methods on one split, and the classifier we publish."""
