"""An evaluation as a page to look at: tables, plots and pictures, in one HTML file that needs nothing else."""
