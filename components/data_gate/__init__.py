"""DataGate: stops a run whose data are not fit for training."""
