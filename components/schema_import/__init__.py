"""TFX's ImportSchemaGen, run again when the schema is edited."""
