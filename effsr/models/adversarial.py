"""What the discriminator's answers make of both networks' losses: alone, beside each other, with its features."""
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from effsr.losses.adversarial import (
    Answer,
    at_scales,
    between,
    feature_distance,
    gradient_penalty,
    r1_penalty,
    relative,
)
from effsr.models import training
from effsr.models.features import captured, check_layers, outputs
from effsr.models.step.compilation import uncompiled
from effsr.models.step.precision import Precision
from effsr.options import OptionError
from effsr.options.schema import TrainOptions

# Constants of SplitMix64's mixing (Steele et al., Fast Splittable Pseudorandom Number Generators, OOPSLA 2014), signed.
MIXING = ((30, -4658895280553007687), (27, -7723592293110705685), (31, 1))
STEP = -7046029254386353131
LAYERS_KEY = 'train.feature_matching_opt.layers'


class Ahead(NamedTuple):
    """Answers on a whole batch, which its parts are compared with."""

    real: Answer
    fake: Answer


class Adversary:
    """A discriminator and its losses.

    Args:
        criterion: GANLoss, or any loss (answer, is_real, is_disc) -> 0-dim; of it `relativistic`, `r1_weight`,
            `r1_every` and `gp_weight` are read where it has them.
        net_d: The discriminator, wrapped or not.
        precision: In what it computes; penalties are computed in fp32, gradients of gradients have no loss scale.
        train: feature_matching_opt is read.

    Attributes:
        compares: Whether the losses need answers to real and made pictures both.

    Raises:
        OptionError: Features are to be matched that the discriminator does not have.
    """

    def __init__(self, criterion: nn.Module, net_d: nn.Module, precision: Precision, train: TrainOptions):
        self.criterion, self.net_d, self.precision = criterion, net_d, precision
        wrapped = isinstance(net_d, DataParallel | DistributedDataParallel)
        self._bare = net_d.module if wrapped else net_d
        self._full_precision = Precision('fp32', precision.device)
        self.relativistic = getattr(criterion, 'relativistic', 'none')
        self.compares = self.relativistic != 'none'
        self.r1_weight, self.r1_every = getattr(criterion, 'r1_weight', 0.0), getattr(criterion, 'r1_every', 1)
        self.gp_weight = getattr(criterion, 'gp_weight', 0.0)
        self.matching = train.feature_matching_opt
        self.layers = self._feature_layers()

    def _feature_layers(self) -> tuple[str, ...]:
        if self.matching is None:
            return ()
        name = type(self._bare).__name__
        layers = self.matching.layers or tuple(getattr(self._bare, 'feature_layers', ()))
        if not layers:
            known = ', '.join(module for module, _ in list(self._bare.named_modules())[1:8])
            raise OptionError(f'{LAYERS_KEY}: network_d {name} does not say which of its modules give features; name '
                              f'some, of {known} ...')
        check_layers(self._bare, layers, LAYERS_KEY)
        return layers

    def answer(self, images: Tensor) -> Answer:
        """The discriminator's answer, its buffers untouched."""
        return training.answer_untouched(self.precision, self.net_d, images)

    def _answer_and_features(self, images: Tensor) -> tuple[Answer, list[Tensor]]:
        if not self.layers:
            return self.answer(images), []
        with uncompiled(), captured(self._bare, self.layers) as seen:
            answer = training.answer_untouched(self.precision, self._bare, images)
        return answer, [features.float() for features in outputs(seen, self.layers, LAYERS_KEY)]

    def generator_losses(self, output: Tensor, real: Tensor, ahead: Ahead | None = None) -> dict[str, Tensor]:
        """Losses of the generator by name: gan and, where features are matched, features.

        Args:
            output: What it made.
            real: What is real in its place, of the same shape.
            ahead: Answers on the whole batch, of which these are a part; None: these are the whole.
        """
        fake_answer, features = self._answer_and_features(output)
        if not self.compares and not self.layers:
            return {'gan': self.criterion(fake_answer, True, is_disc=False)}
        with torch.no_grad():
            real_answer, targets = self._answer_and_features(real)
        gan = (self._relative_generator_loss(fake_answer, real_answer, ahead) if self.compares else
               self.criterion(fake_answer, True, is_disc=False))
        if not self.layers:
            return {'gan': gan}
        return {'gan': gan, 'features': self.matching.weight * feature_distance(features, targets)}

    def _relative_generator_loss(self, fake: Answer, real: Answer, ahead: Ahead | None) -> Tensor:
        """Half of each: made pictures are to be more real than real ones, and real ones less real than made ones."""
        made = fake
        if ahead is not None:
            # The mean is the whole batch's, its gradient this part's share of it.
            made = at_scales(lambda own, whole: own + (whole.mean() - own.mean()).detach(), fake, ahead.fake)
            real = ahead.real
        # As the discriminator's: without its margin the generator's hinge loss would cancel out.
        loss = self.criterion(self._relative(real, made), False, is_disc=True)
        loss = loss + self.criterion(self._relative(fake, real), True, is_disc=True)
        return self.criterion.loss_weight * loss / 2

    @torch.no_grad()
    def look_ahead(self, net_g: nn.Module, lqs: Sequence[Tensor], reals: Sequence[Tensor]) -> Ahead | None:
        """Answers on all parts of a batch before its step, where their mean is needed; None where it is not.

        It costs a pass of both networks over the batch. Several processes each go by the mean of their own share.

        Args:
            net_g: The generator; its buffers are untouched.
            lqs: Of each part.
            reals: Of each part.
        """
        if self.relativistic != 'average' or len(lqs) == 1:
            return None
        made = [training.answer_untouched(self.precision, net_g, lq) for lq in lqs]
        return Ahead(joined_answers([self.answer(images) for images in reals]),
                     joined_answers([self.answer(images) for images in made]))

    def discriminator_loss(self, answer: Answer, is_real: bool, others: Answer | None = None) -> Tensor:
        """Loss of the discriminator on one kind of pictures.

        Args:
            answer: On them.
            is_real: Whether they are real.
            others: Where it compares: answers on the other kind, without a graph. The loss is then half of it, as real
                and made pictures both bring it.
        """
        if not self.compares:
            return self.criterion(answer, is_real, is_disc=True)
        return self.criterion(self._relative(answer, others), is_real, is_disc=True) / 2

    def _relative(self, answer: Answer, others: Answer) -> Answer:
        return at_scales(lambda own, other: relative(own, other, self.relativistic), answer, others)

    def others_of(self, answers: Sequence[Answer], number: int) -> Answer | None:
        """What a part is compared with, of the answers on the other kind of pictures in all parts."""
        if not self.compares:
            return None
        return answers[number] if self.relativistic == 'standard' else joined_answers(answers)

    def penalties_due(self, iteration: int) -> tuple[str, ...]:
        """Names of the penalties of an iteration."""
        r1 = self.r1_weight > 0 and iteration % self.r1_every == 0
        return tuple(name for name, due in (('r1', r1), ('gp', self.gp_weight > 0)) if due)

    def penalty(self, name: str, real: Tensor, fake: Tensor, amounts: Tensor) -> Tensor:
        """A penalty on the discriminator's gradients, weighted; its buffers are untouched.

        Args:
            name: r1, or gp.
            real: Real pictures.
            fake: Made ones, for gp.
            amounts: (B,), how much of the real one the picture has that gp looks at.
        """
        images = (real if name == 'r1' else between(real, fake, amounts)).detach().clone().requires_grad_()
        # Compiled networks have no second derivatives.
        with uncompiled():
            answer = training.answer_untouched(self._full_precision, self.net_d, images)
            if name == 'r1':
                return self.r1_weight / 2 * self.r1_every * r1_penalty(answer, images)
            return self.gp_weight * gradient_penalty(answer, images)


def joined_answers(answers: Sequence[Answer]) -> Answer:
    """Answers on all parts as those on the batch."""
    return answers[0] if len(answers) == 1 else at_scales(lambda *parts: torch.cat(parts), *answers)


def amounts_of(seeds: Tensor, iteration: int) -> Tensor:
    """A number in [0, 1) for each sample, (B,) fp32 on their device, by its seed, its place and the iteration.

    Drawn on the device, for which the host does not wait; samples without seeds of their own differ by their place.

    Args:
        seeds: (B,) int64.
        iteration: From 1.
    """
    places = torch.arange(len(seeds), device=seeds.device)
    values = seeds + torch.where(seeds < 0, places * STEP, 0) + iteration * 2654435761
    for shift, factor in MIXING:
        values = (values ^ ((values >> shift) & (2 ** (64 - shift) - 1))) * factor
    return ((values >> 40) & (2**24 - 1)).float() / 2**24
