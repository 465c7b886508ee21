"""TFX's Trainer and Tuner, with the table of items as a further input."""
