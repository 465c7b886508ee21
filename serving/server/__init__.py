"""The local server: REST, gRPC, health, metrics, pages, and the log of its requests."""
