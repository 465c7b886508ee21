"""TFX's Pusher, which does not push a model again that is already being served."""
