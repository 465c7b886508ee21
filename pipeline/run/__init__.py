"""One local run: launch, progress, recovery, summary."""
