"""ImportSchemaGen that reruns when the schema is edited."""
