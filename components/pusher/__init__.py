"""TFX's Pusher, without pushing a model that is already served."""
