"""Events: what became of a run, for the programs of an operator."""
