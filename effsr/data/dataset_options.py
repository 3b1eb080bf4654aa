"""What effsr's own datasets accept in their block of the option file."""
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field, ValidationError, field_validator

from effsr.options import DatasetOptions, OptionError, nearest
from effsr.options.schema import Conflict

T = TypeVar('T', bound='ImageDatasetOptions')


class ImageDatasetOptions(DatasetOptions):
    """Keys that effsr's datasets share; unknown ones are refused."""

    model_config = ConfigDict(extra='forbid', frozen=True)
    # For checks before any file is opened: folders without which there is no such dataset, and whether it gives lq.
    required_roots: ClassVar[tuple[str, ...]] = ('dataroot_gt',)
    gives_lq: ClassVar[bool] = False

    io_backend: dict[str, Any] = Field({'type': 'disk'}, description='Storage, as in BasicSR; only type: disk.')
    meta_info: str | None = Field(None, description='Text file: the images to take, one a line, below dataroot_gt.')
    use_hflip: bool = Field(True, description='Random left-right flips.')
    use_rot: bool = Field(True, description='Random up-down flips and rotations by 90 degrees.')
    use_shuffle: bool = Field(True, description="BasicSR's, without effect here: training is always shuffled.")
    cache_mb: int = Field(256, ge=0, description='Decoded images kept in memory, in MB for each reading process.')

    @field_validator('io_backend')
    @classmethod
    def _disk_only(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value.get('type') != 'disk':
            raise Conflict(('type',), f"type {value.get('type')!r} is not read here; use type: disk with a folder of "
                           'images')
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
