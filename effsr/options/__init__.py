"""Option files: what they may say (schema), how they are read (inherit, load), how they are checked, what is said."""
from effsr.options.differences import differences, settings
from effsr.options.load import as_options, load_options, place, to_plain, validate
from effsr.options.locate import locate
from effsr.options.messages import nearest
from effsr.options.schema import Component, DatasetOptions, Options
from effsr.options.yaml_reader import OptionError

__all__ = ['Component', 'DatasetOptions', 'OptionError', 'Options', 'as_options', 'differences', 'load_options',
           'locate', 'nearest', 'place', 'settings', 'to_plain', 'validate']
