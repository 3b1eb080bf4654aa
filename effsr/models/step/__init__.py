"""Parts of a training step, each of its own idea; models.training puts them together."""
