"""What is made of finished runs: figures, tables of layers, ablations."""
