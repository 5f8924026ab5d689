"""The discriminator and its training."""
