"""TFX nodes of this product, a folder each."""
