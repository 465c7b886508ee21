"""DataGate: stops a run whose data are not fit to train on."""
