"""The discriminator that sharpens the autoencoder: Isola et al., "Image-to-Image Translation with Conditional
Adversarial Networks" (2017), section 3.2.2, with spectral normalisation (Miyato et al., 2018) in place of batch
statistics."""

from itertools import pairwise

from torch import Tensor, nn
from torch.autograd import grad
from torch.nn.functional import relu
from torch.nn.utils.parametrizations import spectral_norm


class PatchDiscriminator(nn.Module):
    """How real each patch of 34 x 34 pixels looks; above zero is real."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1)))

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 1 x H/8 x W/8 scores of Nx3xHxW pictures in [-1, 1]."""
        return self.layers(pictures)


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Hinge loss of the scores of real and of decoded pictures."""
    return (relu(1 - real).mean() + relu(1 + made).mean()) / 2


def balance(reconstruction: Tensor, adversarial: Tensor, last: Tensor) -> Tensor:
    """The factor that gives both losses the same gradient at the decoder's last weights (Esser et al., "Taming
    Transformers for High-Resolution Image Synthesis", 2021, equation 7)."""
    ours, theirs = (grad(loss, last, retain_graph=True)[0].norm() for loss in (reconstruction, adversarial))
    return (ours / (theirs + 1e-6)).clamp(max=1e4).detach()
