"""From photographs as they are kept, ImageNet's archives among them, to shards: `prepare.py`."""
