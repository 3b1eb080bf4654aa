"""What the sections of an option file are made of: closed sections, blocks with a `type`, options that conflict."""
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Conflict(ValueError):
    """Two options that do not go together.

    Args:
        location: Key path of the one to change, seen from the section that is being checked.
        message: What is wrong and what to do.
    """

    def __init__(self, location: tuple[str, ...], message: str):
        super().__init__(message)
        self.location = location


class Section(BaseModel):
    """A part of the option file: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(extra='forbid', frozen=True, populate_by_name=True)

    @model_validator(mode='before')
    @classmethod
    def _empty_is_default(cls, values: Any) -> Any:
        """A section or list with nothing in it (`path:`, every key below commented out) takes its default."""
        if not isinstance(values, Mapping):
            return values
        optional = {field.alias or name for name, field in cls.model_fields.items()
                    if isinstance(field.default, BaseModel | dict | tuple)}
        return {key: value for key, value in values.items() if value is not None or key not in optional}


class Component(BaseModel):
    """A block with a `type`: the name of a registered class or function, and its arguments."""

    model_config = ConfigDict(extra='allow', frozen=True)

    type: str = Field(description='Name of a registered network, loss or metric, or of a class of torch.optim.')

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, without `type`."""
        return dict(self.model_extra)


class MetricOptions(Component):
    """One entry of val: metrics."""

    better: Literal['higher', 'lower'] = Field('higher', description='Which scores are the better ones.')
