"""The discriminator's step: passes over real and over made pictures, penalties, what it was right in, its update."""
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from effsr.losses.adversarial import Answer, accuracy, over_scales, threshold_of
from effsr.models import training
from effsr.models.adversarial import amounts_of, joined_answers
from effsr.models.pairs import Pairs
from effsr.models.step.guard import Buffers
from effsr.models.training import Losses, Part

KINDS = {True: 'real', False: 'fake'}


def real_of(model: Any, pairs: Pairs) -> Tensor:
    """What of a batch the discriminator is to call real."""
    return pairs.gt_usm if model.options.gan_gt_usm else pairs.gt


def discriminator_step(model: Any, parts: list[Part], *more: Buffers) -> Losses:
    """Real and fake in passes of their own: batch norm must not mix them.

    Args:
        model: RealESRGANModel; what it made is in `output`.
        parts: The batch.
        more: Buffers that stay with those of network_d if the step is not taken.

    Returns:
        The losses and scores of the whole batch by their names in the log.
    """
    update, buffers = model.update_d, Buffers(model.net_d, 'network_d')
    reals = [real_of(model, part.pairs) for part in parts]
    pictures = {True: reals, False: model.output.detach().split([len(real) for real in reals])}
    update.begin()
    penalties = _penalties(model, parts, pictures)
    answers: dict[bool, list[Answer]] = {True: [], False: []}
    if model.adversary.compares:
        model.doing = 'the answers of network_d to fake pictures'
        with torch.no_grad():
            answers[False] = [model.adversary.answer(images) for images in pictures[False]]
    losses, scores = {}, {}
    for is_real in KINDS:
        answers[is_real] = _passes(model, parts, pictures[is_real], is_real, answers[not is_real], losses)
        means = [training.weighted({f'out_d_{KINDS[is_real]}': over_scales(torch.mean, answer)}, part.share)
                 for part, answer in zip(parts, answers[is_real], strict=True)]
        for mean in means:
            training.add_to(scores, mean)
    model.doing = 'the optimizer step of network_d'
    update.apply({**losses, **penalties}, buffers, *more)
    return {**losses, **penalties, **scores, **_noted(model, answers)}


def _passes(model: Any, parts: list[Part], pictures: Sequence[Tensor], is_real: bool, others: list[Answer],
            losses: Losses) -> list[Answer]:
    """Forward and backward over one kind of pictures; adds to the losses. Returns its answers, without their graph."""
    net, adversary, name = model.net_d, model.adversary, KINDS[is_real]
    model.doing = f'the passes of network_d over {name} pictures'
    answers = []
    for number, (part, images) in enumerate(zip(parts, pictures, strict=True)):
        last = part.last and not is_real
        with training.synchronized(net, last), training.held_spectral_norm(net, number > 0):
            answer = training.forward(model.precision, net, images)
            loss = adversary.discriminator_loss(answer, is_real, adversary.others_of(others, number))
            loss = training.weighted({f'l_d_{name}': loss}, part.share)
            model.update_d.backward(loss)
        training.add_to(losses, loss)
        answers.append(training.without_graph(answer))
    return answers


def _penalties(model: Any, parts: list[Part], pictures: Mapping[bool, Sequence[Tensor]]) -> Losses:
    """Forward and backward of the penalties that are due.

    Before the other passes: processes exchange gradients in the last of those, and these with them.
    """
    adversary, losses = model.adversary, {}
    due = adversary.penalties_due(model.current_iter)
    if not due:
        return losses
    model.doing = "penalties on network_d's gradients"
    seeds = torch.cat([part.pairs.seeds for part in parts])
    amounts = amounts_of(seeds, model.current_iter).split([len(part.pairs.seeds) for part in parts])
    for part, real, fake, shares in zip(parts, pictures[True], pictures[False], amounts, strict=True):
        loss = training.weighted({f'l_d_{name}': adversary.penalty(name, real, fake, shares) for name in due},
                                 part.share)
        model.update_d.backward(loss)
        training.add_to(losses, loss)
    return losses


@torch.no_grad()
def _noted(model: Any, answers: Mapping[bool, list[Answer]]) -> Losses:
    """Accuracies for the log, which the balance is judged by."""
    real, fake = accuracy(joined_answers(answers[True]), joined_answers(answers[False]), threshold_of(model.cri_gan))
    model.balance.add(real, fake)
    return {'d_accuracy_real': real, 'd_accuracy_fake': fake}
