"""Networks, nothing else: world model, cost-to-go, proposals, probe."""
