"""Option files: what they may say (schema) and how they are read (yaml_reader, load)."""
from effsr.options.load import as_options, load_options, place, to_plain, validate
from effsr.options.schema import Component, DatasetOptions, Options
from effsr.options.yaml_reader import OptionError

__all__ = ['Component', 'DatasetOptions', 'OptionError', 'Options', 'as_options', 'load_options', 'place', 'to_plain',
           'validate']
