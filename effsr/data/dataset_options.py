"""What effsr's own datasets accept in their block of the option file."""
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ConfigDict, Field, ValidationError, field_validator

from effsr.options import DatasetOptions, OptionError, nearest

T = TypeVar('T', bound='ImageDatasetOptions')


class ImageDatasetOptions(DatasetOptions):
    """Keys that effsr's datasets share; unknown ones are refused."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    io_backend: dict[str, Any] = Field({'type': 'disk'}, description="BasicSR's storage block; disk is read here.")
    meta_info: str | None = Field(None, description='Text file, one image a line, relative to dataroot_gt.')
    use_hflip: bool = Field(True, description='Random left-right flips.')
    use_rot: bool = Field(True, description='Random up-down flips and rotations by 90 degrees.')
    use_shuffle: bool = Field(True, description="As in BasicSR's files; training is always shuffled.")
    cache_mb: int = Field(256, ge=0, description='Decoded images kept in memory, in MB for each reading process.')

    @field_validator('io_backend')
    @classmethod
    def _disk_only(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value.get('type') != 'disk':
            raise ValueError(f"type {value.get('type')!r} is not read here; use type: disk with a folder of images")
        return value


def parse_dataset_options(cls: type[T], opt: Mapping[str, Any]) -> T:
    """Validate a dataset's block.

    Raises:
        OptionError: One line for each mistake, with the dataset's name and the key.
    """
    try:
        return cls.model_validate(dict(opt))
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key = '.'.join(str(part) for part in problem['loc'])
            message = problem['msg'].removeprefix('Value error, ')
            if problem['type'] == 'extra_forbidden':
                message = f'unknown option; {nearest(key, cls.model_fields)}'
            elif problem['type'] == 'missing':
                message = 'missing; it is required'
            where = '.'.join(part for part in ('datasets', opt.get('name', '?'), key) if part)
            lines.append(f'{where}: {message}')
        raise OptionError('\n'.join(lines)) from None
