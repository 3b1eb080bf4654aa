"""What an option file may say: every key, its type, its default and its meaning."""
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from effsr.degradations.settings import DegradationSettings
from effsr.options.model_names import defaults_of
from effsr.options.section import Component, Conflict, MetricOptions, Section
from effsr.options.train_options import NonFiniteOptions, TrainOptions

__all__ = ['Component', 'Conflict', 'DatasetOptions', 'LoggerOptions', 'MetricOptions', 'NonFiniteOptions', 'Options',
           'PathOptions', 'Runtime', 'Section', 'TrainOptions', 'ValOptions']


REFERENCE_POOL = 180  # pairs, Real-ESRGAN's queue_size


class DatasetOptions(BaseModel):
    """One entry of datasets: train, val, val_2, test_1 ...

    Open to further keys, which only the class that `type` names can judge; effsr's own classes refuse unknown ones.
    """

    model_config = ConfigDict(extra='allow', frozen=True)

    type: str = Field(description='Name of a registered dataset.')
    name: str = Field('', description='Name in logs, metrics and folders. Default: the key of the entry.')
    phase: Literal['train', 'val', 'test'] = Field('train', description='Set from the key of the entry; leave it out.',
                                                   json_schema_extra={'default': None})
    scale: int = Field(4, ge=1, le=16, description='Set from the top-level scale; leave it out.',
                       json_schema_extra={'default': None})
    dataroot_gt: str | tuple[str, ...] | None = Field(None, description='Ground-truth images: a folder, an LMDB, a '
                                                      'packed set, tar shards; or several of them.')
    dataroot_lq: str | tuple[str, ...] | None = Field(None, description='Low-quality images: as many as dataroot_gt '
                                                      'has.')
    batch_size_per_gpu: int = Field(1, ge=1, description='Images in a batch, for each GPU (on a CPU: in all).')
    num_worker_per_gpu: int = Field(0, ge=0, description='Processes that read images, for each GPU.')
    dataset_enlarge_ratio: int = Field(1, ge=1, description='How many times an epoch goes through the images.')
    pin_memory: bool = Field(False, description='Pinned host memory, for faster copies to a GPU.')
    persistent_workers: bool = Field(False, description='Keep the reading processes between epochs.')
    prefetch_mode: Literal['cpu', 'cuda'] | None = Field(None, description="BasicSR's, without effect here: "
                                                                    'num_worker_per_gpu reads ahead.')
    num_prefetch_queue: int = Field(1, ge=1, description="BasicSR's, without effect here.")
    on_error: Literal['fail', 'skip'] = Field('fail', description='A corrupt or missing image: fail ends the run; skip '
                                              'takes another in its place (in validation: none), and counts.')


class PathOptions(Section):
    """Section path: weights to start from, and folders that the run itself fills in."""

    pretrain_network_g: str | None = Field(None, description='File (.pth) with weights of the generator to start from.')
    param_key_g: str | None = Field(None, description='Which entry of that file: any name that stands in it, such as '
                                                'params or params_ema. Default: params_ema where there is one.')
    strict_load_g: bool = Field(True, description='Whether the weights must have exactly the keys of the generator.')
    pretrain_network_d: str | None = Field(None, description='File (.pth) with weights of the discriminator.')
    param_key_d: str | None = Field(None, description='Which entry of that file; as param_key_g.')
    strict_load_d: bool = Field(True, description='As strict_load_g, for the discriminator.')
    resume_state: str | None = Field(None, description='Training state (.state) to go on from.')
    ignore_resume_networks: tuple[str, ...] = Field((), description='Networks, such as network_d, that a '
                                                                    'resumed run does not take from its state.')
    experiments_root: str | None = Field(None, description='Set by the run: experiments/NAME.')
    models: str | None = Field(None, description='Set by the run: folder of weights.')
    training_states: str | None = Field(None, description='Set by the run: folder of training states.')
    log: str | None = Field(None, description='Set by the run: folder of the log file.')
    visualization: str | None = Field(None, description='Set by the run: folder of validation pictures.')
    results_root: str | None = Field(None, description='Set by the run: results/NAME.')

    @field_validator('pretrain_network_g', 'pretrain_network_d', 'resume_state')
    @classmethod
    def _expand_home(cls, value: str | None) -> str | None:
        return None if value is None else os.path.expanduser(value)


class ValOptions(Section):
    """Section val: when and how to validate."""

    val_freq: int = Field(5000, ge=1, description='Iterations between validations.')
    save_img: bool = Field(False, description='Whether to write the pictures.')
    suffix: str | None = Field(None, description='Suffix of the pictures a test writes; default: the name of the run.')
    pbar: bool = Field(False, description='Whether to show a progress bar.')
    tile: int = Field(0, ge=0, description='Side of a tile of the lq image in pixels; 0: the whole image at once.')
    tile_pad: int = Field(32, ge=0, description='Overlap around a tile in lq pixels.')
    tb_images: int = Field(4, ge=0, description='Pictures of each dataset that go to TensorBoard.')
    metrics: dict[str, MetricOptions] = Field({}, description='Metrics, each under the name that it has in logs.')


class LoggerOptions(Section):
    """Section logger."""

    print_freq: int = Field(100, ge=1, description='Iterations between log lines.')
    save_checkpoint_freq: int = Field(5000, ge=1, description='Iterations between checkpoints.')
    keep_last: int | None = Field(None, ge=1, description='How many of the newest checkpoints stay; default: all.')
    keep_every: int | None = Field(None, ge=1, description='With keep_last: checkpoints of every such iteration stay, '
                                                           'too.')
    keep_best: bool = Field(True, description='With keep_last: the best checkpoint of each metric of each dataset '
                                             'stays, too, of those that were validated.')
    use_tb_logger: bool = Field(True, description='Whether to write TensorBoard logs to tb_logger/NAME.')
    wandb: dict[str, Any] | None = Field(None, description='Weights & Biases, as in BasicSR: project, resume_id.')


class Runtime(Section):
    """What the command line and the machine say, not the option file."""

    is_train: bool = True
    dist: bool = False
    rank: int = 0
    world_size: int = 1
    auto_resume: bool = False
    reset_schedule: bool = False
    root_path: str = '.'


class Options(Section):
    """A whole option file."""

    base: str | None = Field(None, description='Option file to inherit from, relative to this one.')
    name: str = Field('effsr', min_length=1, description='Name of the run: experiments/NAME, tb_logger/NAME.')
    model_type: str = Field('RealESRNetModel', description='Name of a registered model, which owns the training step.')
    scale: int = Field(4, ge=1, le=16, description='Upscaling factor.')
    num_gpu: int = Field(0, ge=0, description='GPUs to use; auto: all there are; 0: the CPU.',
                         json_schema_extra={'also': ['auto'], 'default': 'auto'})
    manual_seed: int = Field(0, ge=0, lt=2**63, description='Seed of everything random; not given: drawn.',
                             json_schema_extra={'default': None})
    deterministic: bool = Field(False, description='Let the same run give the same bits on a GPU, too, at some cost '
                                                   'in speed; a CPU does so anyway.')
    import_: tuple[str, ...] = Field((), alias='import', description='Modules to import: your own classes.')
    sample_data: str | None = Field(None, description='Folder to write sample photographs into, once.')
    next: str | None = Field(None, description='What to do after this run; printed at its end.')
    datasets: dict[str, DatasetOptions] = Field({}, description='Sets of images: train, val, val_2, test_1 ...')
    network_g: Component = Field(description='The generator, the network that upscales: type and arguments.')
    network_d: Component | None = Field(None, description='The discriminator: type and arguments.')
    degradation: DegradationSettings = Field(DegradationSettings(), description='Second-order degradation: makes lq.')
    high_order_degradation: bool = Field(True, description='Make lq from gt while training; false: paired data. '
                                         'Default under the names SRModel, SRGANModel and ESRGANModel: false, and so '
                                         'are gt_usm, l1_gt_usm and percep_gt_usm.')
    queue_size: int = Field(0, ge=0, description='Pairs in the training-pair pool; 0: none. Default with degradation: '
                            'mode: batch: 180, as the images of a batch are then alike.')
    gt_size: int | None = Field(None, ge=8, description='Side of a training crop of gt in pixels.')
    gt_usm: bool = Field(True, description='RealESRNet: whether gt is sharpened.')
    l1_gt_usm: bool = Field(True, description='RealESRGAN: whether the pixel loss compares with the sharpened gt.')
    percep_gt_usm: bool = Field(True, description='RealESRGAN: the same for the perceptual loss.')
    gan_gt_usm: bool = Field(False, description='RealESRGAN: the same for the discriminator.')
    path: PathOptions = Field(PathOptions(), description='Weights to start from, state to go on from.')
    train: TrainOptions | None = Field(None, description='Losses, optimizers, schedule; needed for training.')
    val: ValOptions | None = Field(None, description='When and how to validate; none: not at all.')
    logger: LoggerOptions = Field(LoggerOptions(), description='Log lines, checkpoints, TensorBoard.')
    dist_params: dict[str, Any] = Field({}, description='Passed to torch.distributed, as in BasicSR: backend, port.')
    find_unused_parameters: bool = Field(False, description='Passed to DistributedDataParallel.')
    extra: dict[str, Any] = Field({}, description='Anything of your own, for your own classes to read; not checked.')
    runtime: Runtime = Field(Runtime())

    @model_validator(mode='before')
    @classmethod
    def _defaults_of_the_model(cls, values: Any) -> Any:
        """Some names of models stand for a model and defaults of their own."""
        return {**defaults_of(values.get('model_type')), **values} if isinstance(values, Mapping) else values

    @model_validator(mode='before')
    @classmethod
    def _pool_for_batches(cls, values: Any) -> Any:
        """Images that share their degradation need a pool that mixes them (Real-ESRGAN's has 180 pairs)."""
        if not isinstance(values, Mapping) or values.get('queue_size') is not None:
            return values
        degradation = values.get('degradation')
        mode = degradation.get('mode') if isinstance(degradation, Mapping) else getattr(degradation, 'mode', None)
        return {**values, 'queue_size': REFERENCE_POOL} if mode == 'batch' else values

    @field_validator('import_', mode='before', json_schema_input_type=str | tuple[str, ...])
    @classmethod
    def _one_alone(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator('base')
    @classmethod
    def _read_already(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError('is read from option files only; give the merged options')
        return value

    @field_validator('name')
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if Path(value).name != value or value in {'.', '..'}:
            raise ValueError(f'{value!r} is no plain folder name; the run writes to experiments/NAME')
        return value
