"""Trained networks of others that losses and metrics look through: their files, and how they are filled and built."""
