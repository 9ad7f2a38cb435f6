"""From rollouts to weights: the pipeline, its phases, the loop they share."""
