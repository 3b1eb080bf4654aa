"""Section train: what the adversarial loss and a teacher bring along."""
from typing import Literal

from pydantic import Field, model_validator

from effsr.options.section import Component, Conflict, Section


class FeatureMatchingOptions(Section):
    """Section train: feature_matching_opt: results are to look like gt to the discriminator's inner layers, too."""

    weight: float = Field(1.0, ge=0, allow_inf_nan=False, description='What the loss is multiplied with; pix2pixHD has '
                                                                      '10.')
    layers: tuple[str, ...] = Field((), description='Modules of network_d, such as conv1; default: those that '
                                                    'it names itself.')


class GanBalanceOptions(Section):
    """Section train: gan_balance: a warning when the discriminator has won."""

    window: int = Field(1000, ge=1, description='Iterations that are judged together.')
    limit: float = Field(0.98, gt=0.5, le=1, description='Share of right scores, over real and made pictures, from '
                                                         'which on it has won.')


class DistillOptions(Section):
    """Section train: distill_opt: a trained network as teacher of network_g."""

    network: Component | None = Field(None, description='The teacher: type and arguments; none: what the file beside '
                                                        'the weights says, or as recognised.')
    weights: str = Field(description='Its weights, a .pth file.')
    pixel_weight: float = Field(1.0, ge=0, allow_inf_nan=False, description='Weight of the difference from its result.')
    pixel_criterion: Literal['l1', 'l2', 'charbonnier'] = Field('l1', description='How that difference is measured.')
    feature_weight: float = Field(0.0, ge=0, allow_inf_nan=False, description='Weight of the difference from its '
                                  'features, as a share of their square; an adapter, a 1x1 convolution, is trained '
                                  'for each layer.')
    layers: tuple[str, ...] = Field((), description='Its modules whose outputs are the features, such as body.11.')
    student_layers: tuple[str, ...] = Field((), description='As many modules of network_g; default: of the same names.')

    @model_validator(mode='after')
    def _has_terms(self) -> 'DistillOptions':
        if not self.pixel_weight and not self.feature_weight:
            raise Conflict(('pixel_weight',), 'and feature_weight are 0: nothing is learnt from the teacher; give one')
        if self.feature_weight and not self.layers:
            raise Conflict(('layers',), 'missing; with feature_weight name modules of the teacher, such as body.11')
        if self.layers and not self.feature_weight:
            raise Conflict(('layers',), 'without feature_weight have no effect; give feature_weight, or leave them out')
        if self.student_layers and len(self.student_layers) != len(self.layers):
            raise Conflict(('student_layers',), f'{len(self.student_layers)} of network_g for {len(self.layers)} '
                           'layers of the teacher; give as many')
        return self
