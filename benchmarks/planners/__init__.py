"""Our planners against the peers', at equal budgets: `python -m benchmarks.planners`."""
