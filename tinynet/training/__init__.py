"""A training run, from the first step to the last: trainer.py, and what it keeps and says."""
