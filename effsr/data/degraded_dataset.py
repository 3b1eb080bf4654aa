"""A validation set degraded on the fly, the same in every run: one seed for each image, from its name."""
import zlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import Field
from torch.utils.data import Dataset

from effsr.data.dataset_options import ImageDatasetOptions, open_gt, parse_dataset_options
from effsr.data.image_io import to_tensor
from effsr.data.sampler import sample_seed
from effsr.degradations import Degradation, DegradationSettings

SMALLEST_LQ = 8


class DegradedDatasetOptions(ImageDatasetOptions):
    """Block of a DegradedDataset."""

    gives_lq = True

    seed: int = Field(0, ge=0, description='Another seed gives another set of degradations.')
    degradation: DegradationSettings = Field(DegradationSettings(), description='Of this set. Default: as in the run.')


@DATASET_REGISTRY.register()
class DegradedDataset(Dataset):
    """Whole photographs with lq made by second-order degradation.

    An image's degradation depends on `seed` and its file name alone: adding or taking out others changes nothing.

    Args:
        opt: The dataset's block of the option file, see :class:`DegradedDatasetOptions`.

    Raises:
        ValueError: Missing or empty folder, broken images (each named).

    A sample is a dict: ``lq`` (3, h, w) and ``gt`` (3, h*scale, w*scale) float32 RGB in [0, 1], ``lq_path``,
    ``gt_path``. gt is cropped at the bottom and right to a multiple of scale.
    """

    options_class = DegradedDatasetOptions
    draws_from_seed = True
    wants_degradation = True

    def __init__(self, opt: Mapping[str, Any]):
        self.opt = opt
        self.options = parse_dataset_options(DegradedDatasetOptions, opt)
        self.images = open_gt(self.options)
        self.images.check(SMALLEST_LQ * self.options.scale, 'scale', self.options.on_error)
        self.degradation = Degradation(self.options.degradation, self.options.scale)

    def __len__(self) -> int:
        return len(self.images)

    def where(self, index: int) -> str:
        """The gt that a sample is cut from."""
        return self.images.where(index)

    def __getitem__(self, index: int) -> dict[str, Any]:
        path, image = self.images.where(index), self.images.read(index)
        height, width = (side - side % self.options.scale for side in image.shape[:2])
        gt = to_tensor(image[:height, :width])
        seed = sample_seed(self.options.seed, 0, zlib.crc32(PurePosixPath(self.images.name(index)).name.encode()))
        lq, _ = self.degradation(gt[None], [seed])
        return {'lq': lq[0], 'gt': gt, 'lq_path': path, 'gt_path': path}
