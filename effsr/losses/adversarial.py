"""Adversarial losses as pure functions of a discriminator's answers: scores of any shape, before any sigmoid."""
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# A discriminator's scores: (B, 1), a map (B, 1, H, W), or a list of maps, one for each scale.
Answer = Tensor | list[Tensor]

GAN_TYPES = ('vanilla', 'lsgan', 'hinge', 'wgan', 'wgan_softplus', 'wgan-gp', 'softplus')
RELATIVISTIC = ('none', 'standard', 'average')
CRITICS = ('wgan', 'wgan-gp')  # their scores have no zero of their own


def at_scales(function: Callable[..., Tensor], *answers: Answer) -> Answer:
    """A function of the answers at each scale, in the answers' own form."""
    if isinstance(answers[0], Tensor):
        return function(*answers)
    return [function(*scale) for scale in zip(*answers, strict=True)]


def over_scales(function: Callable[..., Tensor], *answers: Answer) -> Tensor:
    """The mean over all scales of a function of the answers at each; of one map the function's value itself."""
    values = at_scales(function, *answers)
    return values if isinstance(values, Tensor) else torch.stack(values).mean()


def labelled(scores: Tensor, is_real: bool, gan_type: str, labels: tuple[float, float] = (1.0, 0.0),
             is_disc: bool = True) -> Tensor:
    """How far scores are from those of pictures that are (not) real, mean over all of them.

    vanilla: cross-entropy (Goodfellow et al., arXiv 1406.2661, with the generator's loss of section 3 that does not
    saturate); lsgan: squared distance from the label (Mao et al., arXiv 1611.04076); hinge (Lim and Ye, arXiv
    1705.02894); wgan and wgan-gp: the score itself (Arjovsky et al., arXiv 1701.07875); softplus, also under BasicSR's
    name wgan_softplus: the logistic loss of StyleGAN (Karras et al., arXiv 1812.04948).

    Args:
        scores: Of any shape, of one scale.
        is_real: What they are to say.
        gan_type: One of GAN_TYPES.
        labels: What vanilla and lsgan take for real and for not real.
        is_disc: Whether it is the discriminator that learns from it; hinge has no margin for the generator.
    """
    if gan_type in ('vanilla', 'lsgan'):
        distance = F.binary_cross_entropy_with_logits if gan_type == 'vanilla' else F.mse_loss
        return distance(scores, torch.full_like(scores, labels[0] if is_real else labels[1]))
    if gan_type == 'hinge' and not is_disc:
        return -scores.mean()
    if gan_type in CRITICS:
        return -scores.mean() if is_real else scores.mean()
    signed = -scores if is_real else scores
    return F.relu(1 + signed).mean() if gan_type == 'hinge' else F.softplus(signed).mean()


def relative(scores: Tensor, others: Tensor, kind: str) -> Tensor:
    """Scores as differences from those of the other kind of pictures (Jolicoeur-Martineau, arXiv 1807.00734).

    Args:
        scores: Of real pictures, or of made ones.
        others: Of the others. With standard of the same shape: each picture is compared with its own other.
        kind: standard, or average: with the mean of all of them (ESRGAN, arXiv 1809.00219).
    """
    return scores - (others if kind == 'standard' else others.mean())


def r1_penalty(answer: Answer, images: Tensor) -> Tensor:
    """Squared norm of the gradient of each picture's score with respect to it, mean over the pictures.

    Of a map the score is its mean, of several scales the mean of their scores. Differentiable itself. Mescheder et
    al., Which Training Methods for GANs do actually Converge?, arXiv 1801.04406, equation 9 (which halves it).

    Args:
        answer: Computed of the images.
        images: (B, C, H, W), requires a gradient.
    """
    return _gradient(answer, images).square().sum(1).mean()


def gradient_penalty(answer: Answer, images: Tensor) -> Tensor:
    """Squared distance from 1 of the norm of that gradient, mean over the pictures; see :func:`r1_penalty`.

    Gulrajani et al., Improved Training of Wasserstein GANs, arXiv 1704.00028, equation 3, of pictures that lie between
    real and made ones (:func:`between`).
    """
    # The root's gradient has no bound at 0.
    norms = (_gradient(answer, images).square().sum(1) + 1e-12).sqrt()
    return (norms - 1).square().mean()


def between(real: Tensor, fake: Tensor, amounts: Tensor) -> Tensor:
    """Pictures between two: amount of the real one, the rest of the made one.

    Args:
        real: (B, C, H, W).
        fake: (B, C, H, W).
        amounts: (B,) in [0, 1].
    """
    return torch.lerp(fake, real, amounts.to(real)[:, None, None, None])


def _gradient(answer: Answer, images: Tensor) -> Tensor:
    """(B, C * H * W)."""
    score = over_scales(lambda scores: scores.flatten(1).mean(1).sum(), answer)
    gradient, = torch.autograd.grad(score, images, create_graph=True)
    return gradient.flatten(1)


def feature_distance(features: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Mean absolute difference of the features of each layer, mean over the layers.

    Wang et al., pix2pixHD, arXiv 1711.11585, equation 4.

    Args:
        features: Of the made picture, one of any shape for each layer.
        targets: Of the real one, of the same shapes.
    """
    return torch.stack([F.l1_loss(own, other) for own, other in zip(features, targets, strict=True)]).mean()


def accuracy(real: Answer, fake: Answer, threshold: float | None) -> tuple[Tensor, Tensor]:
    """Shares of the scores that are right, of real and of made pictures; 0-dim.

    Args:
        real: Scores of real pictures.
        fake: Scores of made ones.
        threshold: Above it a score says real. None: the middle between the means of both, for critics and relativistic
            discriminators, whose scores mean something only beside each other.
    """
    def middle(of_real: Tensor, of_fake: Tensor) -> Tensor | float:
        return (of_real.mean() + of_fake.mean()) / 2 if threshold is None else threshold

    right_real = over_scales(lambda one, other: (one > middle(one, other)).float().mean(), real, fake)
    right_fake = over_scales(lambda one, other: (other < middle(one, other)).float().mean(), real, fake)
    return right_real, right_fake


def threshold_of(criterion: nn.Module) -> float | None:
    """The score above which a discriminator that is trained with a loss says real; see :func:`accuracy`."""
    gan_type = getattr(criterion, 'gan_type', None)
    if gan_type in CRITICS or getattr(criterion, 'relativistic', 'none') != 'none':
        return None
    return (criterion.real_label_val + criterion.fake_label_val) / 2 if gan_type == 'lsgan' else 0.0
