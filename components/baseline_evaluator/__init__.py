"""The node that fits the baselines and ranks the evaluation split's targets with each of them."""
