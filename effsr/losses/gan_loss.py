"""GANLoss under the name and with the arguments of BasicSR's, and more of them."""
import basicsr.losses  # noqa: F401  BasicSR must have registered its own before they can be renamed
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from effsr.bridge import claim
from effsr.losses.adversarial import GAN_TYPES, RELATIVISTIC, Answer, labelled, over_scales
from effsr.losses.common import checked_count, checked_number

claim(LOSS_REGISTRY, 'GANLoss')

LARGEST_INTERVAL = 1000
GP_WEIGHT = 10.0  # Gulrajani et al., arXiv 1704.00028, section 4


@LOSS_REGISTRY.register()
class GANLoss(nn.Module):
    """Adversarial loss of a discriminator's scores; see :func:`effsr.losses.adversarial.labelled`.

    What needs the discriminator or both kinds of scores is computed by the training step, as this loss says:
    relativistic, and the penalties.

    Args:
        gan_type: vanilla, lsgan, hinge, wgan, wgan-gp (wgan with a gradient penalty), softplus or, the same,
            wgan_softplus.
        real_label_val: What vanilla and lsgan take for real.
        fake_label_val: What they take for not real.
        loss_weight: What the generator's loss is multiplied with; the discriminator's is not.
        relativistic: none; standard: whether a real picture is more real than the one made in its place; average: than
            made ones on average, as in ESRGAN.
        r1_weight: Weight of the R1 penalty on real pictures, 0 for none; 10 is usual with scores of whole pictures.
        r1_every: It is computed in every such iteration, and counts as many times as much.
        gp_weight: With wgan-gp alone, weight of the gradient penalty; None: 10, as in its paper.

    Raises:
        ValueError: Arguments outside these.
    """

    def __init__(self, gan_type: str, real_label_val: float = 1.0, fake_label_val: float = 0.0,
                 loss_weight: float = 1.0, relativistic: str = 'none', r1_weight: float = 0.0, r1_every: int = 16,
                 gp_weight: float | None = None):
        super().__init__()
        for name, value, accepted in (('gan_type', gan_type, GAN_TYPES), ('relativistic', relativistic, RELATIVISTIC)):
            if value not in accepted:
                raise ValueError(f'{name} is {value!r}; accepted: {", ".join(accepted)}')
        self.gan_type, self.relativistic = gan_type, relativistic
        self.real_label_val, self.fake_label_val = real_label_val, fake_label_val
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.r1_weight = checked_number('r1_weight', r1_weight)
        self.r1_every = checked_count('r1_every', r1_every, LARGEST_INTERVAL)
        if gp_weight is not None and gan_type != 'wgan-gp':
            raise ValueError(f'gp_weight is {gp_weight}, but gan_type {gan_type} has no gradient penalty; set '
                             'gan_type: wgan-gp, or leave gp_weight out')
        penalty = GP_WEIGHT if gp_weight is None else checked_number('gp_weight', gp_weight)
        self.gp_weight = penalty if gan_type == 'wgan-gp' else 0.0

    def forward(self, prediction: Answer, is_real: bool, is_disc: bool = False) -> Tensor:
        """Of one kind of scores.

        Args:
            prediction: Of any shape; or a list of them, one for each scale, which count alike.
            is_real: What they are to say.
            is_disc: Whether the discriminator learns from it; the generator's loss is weighted.
        """
        labels = (self.real_label_val, self.fake_label_val)
        loss = over_scales(lambda scores: labelled(scores, is_real, self.gan_type, labels, is_disc), prediction)
        return loss if is_disc else loss * self.loss_weight
