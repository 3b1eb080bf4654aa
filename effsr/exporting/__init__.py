"""What effsr/export.py does: write a network for other libraries, and show that it gives the same pictures."""
