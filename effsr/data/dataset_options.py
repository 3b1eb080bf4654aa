"""What effsr's own datasets accept in their block of the option file."""
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from effsr.data.image_set import ImageSet
from effsr.data.image_source import as_list, open_roots
from effsr.data.storages.opening import AUTO, KINDS
from effsr.options import DatasetOptions, OptionError, nearest
from effsr.options.schema import Conflict

T = TypeVar('T', bound='ImageDatasetOptions')


class ImageDatasetOptions(DatasetOptions):
    """Keys that effsr's datasets share; unknown ones are refused."""

    model_config = ConfigDict(extra='forbid', frozen=True)
    # For checks before any file is opened: folders without which there is no such dataset, and whether it gives lq.
    required_roots: ClassVar[tuple[str, ...]] = ('dataroot_gt',)
    gives_lq: ClassVar[bool] = False

    io_backend: dict[str, Any] = Field({'type': AUTO}, description='Storage, as in BasicSR; type: disk (a folder), '
                                       'lmdb, packed, shards; auto finds out.')
    meta_info: str | tuple[str, ...] | None = Field(None, description='Text file: the images to take, one a line, '
                                                    'below dataroot_gt; for several folders one each.')
    weights: tuple[float, ...] | None = Field(None, description='Of several folders the share of the samples that each '
                                              'gives: [3, 1]. Default: every image counts the same.')
    alpha: Literal['white', 'black', 'gray', 'drop', 'refuse'] = Field('white', description='Transparent images: what '
                                                'they are laid on; drop takes the colours as they stand, refuse '
                                                'counts them as broken.')
    use_hflip: bool = Field(True, description='Random left-right flips.')
    use_rot: bool = Field(True, description='Random up-down flips and rotations by 90 degrees.')
    use_shuffle: bool = Field(True, description="BasicSR's, without effect here: training is always shuffled.")
    cache_mb: int = Field(256, ge=0, description='Decoded images kept in memory, in MB for each reading process.')

    @field_validator('io_backend')
    @classmethod
    def _known_storage(cls, value: dict[str, Any]) -> dict[str, Any]:
        kinds = (AUTO, *KINDS)
        unknown = [key for key in value if key != 'type']
        if unknown:
            raise Conflict((unknown[0],), f'unknown option; {nearest(unknown[0], ["type"])}')
        if value.get('type') not in kinds:
            raise Conflict(('type',), f'type {value.get("type")!r} is not read here; accepted: {", ".join(kinds)}')
        return value

    @field_validator('weights')
    @classmethod
    def _positive(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and not all(0 < weight < math.inf for weight in value):
            raise ValueError(f'{list(value)}: a weight is more than 0; leave a folder out to take nothing from it')
        return value

    @model_validator(mode='after')
    def _one_weight_each(self: T) -> T:
        roots = as_list(self.dataroot_gt)
        if self.weights is not None and roots and len(self.weights) != len(roots):
            raise Conflict(('weights',), f'{len(self.weights)} weights for {len(roots)} folders of dataroot_gt; '
                           'accepted: one for each')
        if self.dataroot_lq is not None and len(as_list(self.dataroot_lq)) != len(roots):
            raise Conflict(('dataroot_lq',), f'{len(as_list(self.dataroot_lq))} folders for {len(roots)} of '
                           'dataroot_gt; accepted: one for each, in the same order')
        return self

    @property
    def storage(self) -> str:
        """The kind of storage asked for."""
        return self.io_backend['type']


def open_gt(options: ImageDatasetOptions) -> ImageSet:
    """The pictures of a dataset's dataroot_gt and meta_info.

    Raises:
        ValueError: A folder or a list is missing, empty, or of another kind than it should be.
    """
    storages = open_roots(options.dataroot_gt, options.meta_info, options.storage, options.alpha)
    return ImageSet(storages, options.cache_mb)


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
