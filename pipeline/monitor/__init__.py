"""What the request log says of served models: skew, staleness, online metrics, canaries."""
