"""The autoencoder: diffusers' AutoencoderKL, an encoder that begins as a principal component analysis of 8 x 8 patches
and a decoder that begins as bilinear upsampling.

Its shape is a quarter of Stable Diffusion's in channels and in GroupNorm's groups, so that Stable Diffusion's
autoencoder can take these weights (see `preview/checkpoint.py`)."""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

PATCH = 8
CHANNELS = 4
LATENT_STD = 0.85
"""Standard deviation of the scaled latents, which sets the strength at which noise drowns the picture. At one, the low
frequencies outlast Stable Diffusion's noise until t = 900; at 0.45 the layout is lost at a strength of 0.3 already."""
CARRIER = 256.0
"""Size of the constant channels that take over an output normalisation's statistics (see `_linear_through_norm`)."""
GROUPS = 8


@dataclass(frozen=True)
class PatchPca:
    """latent = weight @ (patch - mean), of unit variance in each channel on the pictures it was fitted to.

    A patch is flattened as (colour, row, column), with values in [-1, 1]."""

    weight: NDArray[np.float32]
    """CHANNELS x 192."""
    mean: NDArray[np.float32]
    """192."""

    @classmethod
    def fit(cls, pictures: NDArray[np.uint8]) -> "PatchPca":
        """Fit to the patches of NxHxWx3 pictures."""
        patches = patches_of(torch.from_numpy(np.ascontiguousarray(pictures))).double()
        flat = patches.movedim(1, -1).reshape(-1, patches.shape[1])
        mean = flat.mean(0)
        variances, axes = torch.linalg.eigh(torch.cov((flat - mean).T))
        strongest = torch.argsort(variances, descending=True)[:CHANNELS]
        axes, variances = axes[:, strongest].T, variances[strongest]
        axes = axes * torch.sign(axes.sum(1, keepdim=True))
        return cls((axes / variances.sqrt()[:, None]).float().numpy(), mean.float().numpy())

    def encode(self, pictures: NDArray[np.uint8]) -> Tensor:
        """Nx4x(H/8)x(W/8) unscaled latents of NxHxWx3 pictures."""
        patches = patches_of(torch.from_numpy(np.ascontiguousarray(pictures)))
        centred = patches - torch.from_numpy(self.mean)[:, None, None]
        return torch.einsum("ck,nkhw->nchw", torch.from_numpy(self.weight), centred)


def patches_of(pictures: Tensor) -> Tensor:
    """Nx192x(H/8)x(W/8) patches in [-1, 1] of NxHxWx3 bytes."""
    return functional.pixel_unshuffle(as_input(pictures), PATCH)


def as_input(pictures: Tensor) -> Tensor:
    """Nx3xHxW in [-1, 1], the autoencoder's input, of NxHxWx3 bytes."""
    return pictures.movedim(-1, 1).float() / 127.5 - 1


def blank_autoencoder() -> AutoencoderKL:
    """The autoencoder's shape, with random weights: 3.9 M parameters."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 64, 128, 128),
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=GROUPS,
        scaling_factor=LATENT_STD,
        sample_size=256,
    )


def build_autoencoder(pca: PatchPca, seed: int = 0) -> AutoencoderKL:
    """An AutoencoderKL whose encoder is exactly `pca` and whose decoder starts as bilinear upsampling of colours.

    Its posterior is a point (a log variance of -30), and stays one in training: `quant_conv` is not trained."""
    torch.manual_seed(seed)
    model = blank_autoencoder()
    with torch.no_grad():
        for half in (model.encoder, model.decoder):
            _silence_residuals(half)
        _write_encoder(model, pca)
        _start_decoder(model, pca)
    model.quant_conv.requires_grad_(False)
    return model


@torch.no_grad()
def standardise(model: AutoencoderKL, latents: Tensor) -> None:
    """Shift and scale the latent space so that each of the four channels of `latents` (one row a cell, unscaled) has
    a mean of zero and unit variance. What the model makes of a picture stays the same."""
    mean, std = latents.mean(0), latents.std(0)
    model.quant_conv.weight[:CHANNELS] /= std[:, None, None, None]
    model.quant_conv.bias[:CHANNELS] = (model.quant_conv.bias[:CHANNELS] - mean) / std
    mixing = model.post_quant_conv.weight[:, :, 0, 0]
    model.post_quant_conv.bias += mixing @ mean
    mixing *= std


def _silence_residuals(half: nn.Module) -> None:
    """Let each residual block and attention start as the identity, or as its shortcut."""
    blocks = [*getattr(half, "down_blocks", []), half.mid_block, *getattr(half, "up_blocks", [])]
    for block in blocks:
        for resnet in block.resnets:
            _zero(resnet.conv2)
            if resnet.conv_shortcut is not None:
                _zero(resnet.conv_shortcut)
    for attention in half.mid_block.attentions:
        _zero(attention.to_out[0])


def _zero(layer: nn.Module) -> None:
    layer.weight.zero_()
    layer.bias.zero_()


def _write_encoder(model: AutoencoderKL, pca: PatchPca) -> None:
    """Three strided convolutions gather the 8 x 8 patch: 3, 12, 48 channels, then the components."""
    encoder = model.encoder
    _zero(encoder.conv_in)
    encoder.conv_in.weight[:3, :, 1, 1] = torch.eye(3)
    for block in encoder.down_blocks:
        shortcut = block.resnets[0].conv_shortcut
        if shortcut is not None:
            shortcut.weight[:, :, 0, 0] = torch.eye(*shortcut.weight.shape[:2])
    for block, channels in zip(encoder.down_blocks[:2], (3, 12)):
        conv = block.downsamplers[0].conv
        _zero(conv)
        for channel in range(channels):
            for row in range(2):
                for column in range(2):
                    conv.weight[4 * channel + 2 * row + column, channel, row, column] = 1

    # Channel 16 * colour + 4 * (row, column bits of the first halving) + (bits of the second): the same order as
    # splitting each side of the patch into three bits, coarsest last.
    weight = torch.from_numpy(pca.weight).view(CHANNELS, 3, 2, 2, 2, 2, 2, 2)
    weight = weight.permute(0, 1, 4, 7, 3, 6, 2, 5).reshape(CHANNELS, 48, 2, 2)
    bias = -torch.from_numpy(pca.weight @ pca.mean)
    last = encoder.down_blocks[2].downsamplers[0].conv
    _zero(last)
    norm = encoder.conv_norm_out
    group = _Group(0, norm.num_channels // norm.num_groups, signals=CHANNELS)
    last.weight[group.positive, :48, :2, :2] = weight
    last.weight[group.negative, :48, :2, :2] = -weight
    last.bias[group.positive], last.bias[group.negative] = bias, -bias
    last.bias[group.carriers] = group.carrier_values()

    _zero(encoder.conv_out)
    gain = _linear_through_norm(norm, group)
    encoder.conv_out.weight[:CHANNELS, group.positive, 1, 1] = gain * torch.eye(CHANNELS)
    encoder.conv_out.weight[:CHANNELS, group.negative, 1, 1] = -gain * torch.eye(CHANNELS)
    model.quant_conv.weight.zero_()
    model.quant_conv.weight[:CHANNELS, :CHANNELS, 0, 0] = torch.eye(CHANNELS)
    model.quant_conv.bias[:CHANNELS] = 0
    model.quant_conv.bias[CHANNELS:] = -30


@dataclass(frozen=True)
class _Group:
    """Which channels of a normalisation's group hold what: the signals, the signals negated, then constants."""

    first: int
    size: int
    signals: int

    @property
    def positive(self) -> slice:
        return slice(self.first, self.first + self.signals)

    @property
    def negative(self) -> slice:
        return slice(self.first + self.signals, self.first + 2 * self.signals)

    @property
    def carriers(self) -> slice:
        return slice(self.first + 2 * self.signals, self.first + self.size)

    def carrier_values(self) -> Tensor:
        """Constants of both signs, as many of each."""
        half = (self.size - 2 * self.signals) // 2
        return CARRIER * torch.cat([torch.ones(half), -torch.ones(half)])


def _linear_through_norm(norm: nn.GroupNorm, group: _Group) -> float:
    """Make a normalisation and the SiLU after it linear in the group's signals, and return the gain that undoes the
    division.

    The signals come as pairs of x and -x, so the group's mean is zero, and silu(x) - silu(-x) = x. The constant
    carriers fill the rest of the group and dominate its variance."""
    norm.weight.fill_(1)
    norm.bias.zero_()
    return CARRIER * (1 - 2 * group.signals / group.size) ** 0.5


def _start_decoder(model: AutoencoderKL, pca: PatchPca) -> None:
    """Carry the mean colour of each cell, as pairs of c and -c, past every block; all else starts at random."""
    decoder = model.decoder
    model.post_quant_conv.weight[:, :, 0, 0] = torch.eye(CHANNELS)
    model.post_quant_conv.bias.zero_()
    norm = decoder.conv_norm_out
    size = norm.num_channels // norm.num_groups
    groups = [_Group(size * colour, size, signals=1) for colour in range(3)]
    inverse = torch.from_numpy(np.linalg.pinv(pca.weight).reshape(3, PATCH * PATCH, CHANNELS).mean(1)).float()
    mean = torch.from_numpy(pca.mean.reshape(3, -1).mean(1))
    carried = len(groups) * size
    decoder.conv_in.weight[:carried] = 0
    decoder.conv_in.bias[:carried] = 0
    for colour, group in enumerate(groups):
        for channel, sign in ((group.first, 1), (group.first + 1, -1)):
            decoder.conv_in.weight[channel, :, 1, 1] = sign * inverse[colour]
            decoder.conv_in.bias[channel] = sign * mean[colour]

    for block in decoder.up_blocks:
        shortcut = block.resnets[0].conv_shortcut
        if shortcut is not None:
            nn.init.kaiming_uniform_(shortcut.weight, a=5**0.5)
            _pass_through(shortcut, carried, torch.ones(1, 1))
    carriers = decoder.up_blocks[-1].resnets[0].conv_shortcut.bias
    for group in groups:
        carriers[group.carriers] = group.carrier_values()
    tent = torch.tensor([1.0, 2.0, 1.0]) / 4
    for block in decoder.up_blocks[:-1]:
        _pass_through(block.upsamplers[0].conv, carried, tent[:, None] * tent)

    decoder.conv_out.weight *= 0.1
    decoder.conv_out.weight[:, :carried] = 0
    decoder.conv_out.bias.zero_()
    for colour, group in enumerate(groups):
        gain = _linear_through_norm(norm, group)
        decoder.conv_out.weight[colour, group.first, 1, 1] = gain
        decoder.conv_out.weight[colour, group.first + 1, 1, 1] = -gain


def _pass_through(conv: nn.Conv2d, channels: int, kernel: Tensor) -> None:
    """Let the first channels through a convolution, each filtered by `kernel`, unmixed with the others."""
    conv.weight[:channels] = 0
    conv.bias[:channels] = 0
    for channel in range(channels):
        conv.weight[channel, channel] = kernel


def psnr(pictures: Tensor, decoded: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each picture of a batch in [-1, 1]."""
    error = (pictures - decoded.clamp(-1, 1)).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error)
