"""How good an agent is: pairs, closed loop, results, statistics."""
