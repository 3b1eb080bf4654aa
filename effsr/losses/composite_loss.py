"""Several losses in one, each with its weight and its curve."""
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from effsr.losses.common import checked_number
from effsr.losses.ms_ssim_loss import MSSSIMLoss
from effsr.losses.pixel_loss import CharbonnierLoss, GradientLoss, TVLoss, WaveletLoss
from effsr.losses.pixels import absolute
from effsr.losses.spectrum_loss import FFTLoss


class _L1(nn.Module):
    """Mean absolute difference."""

    def __init__(self, loss_weight: float):
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        return self.loss_weight * absolute(pred, target).mean()


@LOSS_REGISTRY.register()
class CompositeLoss(nn.Module):
    """Weighted sum of L1, Charbonnier, total variation, MS-SSIM, spectrum, gradient and wavelet loss.

    A term of weight 0 is not computed. Each is a mean over the batch.

    Args:
        pixel_weight: Of L1.
        charbonnier_weight: Of CharbonnierLoss.
        tv_weight: Of TVLoss, which only the prediction enters.
        ms_ssim_weight: Of MSSSIMLoss.
        fft_weight: Of FFTLoss.
        gradient_weight: Of GradientLoss.
        wavelet_weight: Of WaveletLoss.
        charbonnier_eps: See CharbonnierLoss.
        ms_ssim_levels: See MSSSIMLoss.
        fft_part: See FFTLoss.
        fft_norm: See FFTLoss.
        wavelet_levels: See WaveletLoss.
        loss_weight: What all terms are multiplied with.

    Raises:
        ValueError: Arguments that the terms refuse, or all weights are 0.
    """

    def __init__(self, pixel_weight: float = 1.0, charbonnier_weight: float = 0.5, tv_weight: float = 0.1,
                 ms_ssim_weight: float = 0.0, fft_weight: float = 0.0, gradient_weight: float = 0.0,
                 wavelet_weight: float = 0.0, charbonnier_eps: float = 1e-6, ms_ssim_levels: int = 5,
                 fft_part: str = 'complex', fft_norm: str = 'ortho', wavelet_levels: int = 2, loss_weight: float = 1.0):
        super().__init__()
        weights = {'pixel': pixel_weight, 'charbonnier': charbonnier_weight, 'tv': tv_weight, 'ms_ssim': ms_ssim_weight,
                   'fft': fft_weight, 'gradient': gradient_weight, 'wavelet': wavelet_weight}
        for name, value in weights.items():
            checked_number(f'{name}_weight', value)
        self.loss_weight = checked_number('loss_weight', loss_weight)
        self.terms = nn.ModuleDict({name: term for name, term in {
            'pixel': _L1(pixel_weight * loss_weight),
            'charbonnier': CharbonnierLoss(charbonnier_weight * loss_weight, eps=charbonnier_eps),
            'tv': TVLoss(tv_weight * loss_weight),
            'ms_ssim': MSSSIMLoss(ms_ssim_weight * loss_weight, levels=ms_ssim_levels),
            'fft': FFTLoss(fft_weight * loss_weight, part=fft_part, norm=fft_norm),
            'gradient': GradientLoss(gradient_weight * loss_weight),
            'wavelet': WaveletLoss(wavelet_weight * loss_weight, levels=wavelet_levels),
        }.items() if weights[name] > 0})
        if not self.terms:
            raise ValueError(f'all of {", ".join(f"{name}_weight" for name in weights)} are 0; give one of them')

    def forward(self, pred: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Compare pictures (B, C, H, W) in [0, 1].

        Returns:
            The total, 0-dim; and each term by its name (pixel, charbonnier, tv, ms_ssim, fft, gradient, wavelet) as it
            enters the total, weighted, with its gradient: detach() them for a log.

        Raises:
            ValueError: Pictures that differ in shape, or are too small for a term; the message names it.
        """
        components = {name: term(pred, target) for name, term in self.terms.items()}
        return sum(components.values()), components
