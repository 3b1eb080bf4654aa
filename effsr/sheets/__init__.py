"""What a training is about to learn from, made visible: contact sheets and tables of what is drawn."""
