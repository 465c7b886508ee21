"""The TFX node that fits the baselines and ranks the judged split's targets with each of them."""
