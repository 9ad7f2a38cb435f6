"""Tasks made of models of others: Gymnasium environments, MJCF files."""
