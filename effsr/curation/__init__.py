"""What prepares folders of pictures for training: the subcommands of prepare.py, and downscale.py.

A subcommand is a module with a docstring, whose first line is its help, ``add_arguments(parser)`` and
``run(args) -> int``, the exit status. All of them take their sources from :mod:`effsr.curation.arguments`, do their
work through :func:`effsr.curation.parallel.each`, and keep account of it in an :class:`effsr.curation.output.Output`.
"""
