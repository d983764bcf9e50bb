"""The autoencoder: a fixed linear encoder inside diffusers' AutoencoderKL, and a trained decoder.

The encoder is the principal component analysis of 8 x 8 patches. It needs no training, so the decoder and the
denoiser can learn from its latents at the same time, from the start."""

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
GROUPS = 4


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


def build_autoencoder(pca: PatchPca, seed: int = 0) -> AutoencoderKL:
    """An AutoencoderKL whose encoder is exactly `pca` and whose decoder starts as bilinear upsampling of colours."""
    torch.manual_seed(seed)
    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 64, 96, 128),
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=GROUPS,
        mid_block_add_attention=False,
        scaling_factor=LATENT_STD,
        sample_size=256,
    )
    with torch.no_grad():
        _write_encoder(model, pca)
        _start_decoder(model, pca)
    model.encoder.requires_grad_(False)
    model.quant_conv.requires_grad_(False)
    return model


def _write_encoder(model: AutoencoderKL, pca: PatchPca) -> None:
    """Three strided convolutions gather the 8 x 8 patch: 3, 12, 48 channels, then the components."""
    encoder = model.encoder
    for parameter in encoder.parameters():
        parameter.zero_()
    encoder.conv_in.weight[:3, :, 1, 1] = torch.eye(3)
    for block in encoder.down_blocks[1:]:
        shortcut = block.resnets[0].conv_shortcut.weight
        shortcut[:, :, 0, 0] = torch.eye(*shortcut.shape[:2])
    for block, channels in zip(encoder.down_blocks[:2], (3, 12)):
        conv = block.downsamplers[0].conv.weight
        for channel in range(channels):
            for row in range(2):
                for column in range(2):
                    conv[4 * channel + 2 * row + column, channel, row, column] = 1

    # Channel 16 * colour + 4 * (row, column bits of the first halving) + (bits of the second): the same order as
    # splitting each side of the patch into three bits, coarsest last.
    weight = torch.from_numpy(pca.weight).view(CHANNELS, 3, 2, 2, 2, 2, 2, 2)
    weight = weight.permute(0, 1, 4, 7, 3, 6, 2, 5).reshape(CHANNELS, 48, 2, 2)
    bias = -torch.from_numpy(pca.weight @ pca.mean)
    last = encoder.down_blocks[2].downsamplers[0].conv
    last.weight[:CHANNELS, :48, :2, :2] = weight
    last.weight[CHANNELS : 2 * CHANNELS, :48, :2, :2] = -weight
    last.bias[:CHANNELS], last.bias[CHANNELS : 2 * CHANNELS] = bias, -bias

    carriers = encoder.down_blocks[3].resnets[0].conv_shortcut.bias
    gain = _linear_through_norm(encoder.conv_norm_out, carriers, signals=2 * CHANNELS)
    for channel in range(CHANNELS):
        encoder.conv_out.weight[channel, channel, 1, 1] = gain
        encoder.conv_out.weight[channel, channel + CHANNELS, 1, 1] = -gain
    encoder.conv_out.bias[CHANNELS:] = -30  # log variance: the posterior is a point
    model.quant_conv.weight[:, :, 0, 0] = torch.eye(2 * CHANNELS)
    model.quant_conv.bias.zero_()


def _linear_through_norm(norm: nn.GroupNorm, carriers: Tensor, signals: int) -> float:
    """Make the first group of a normalisation and the SiLU after it linear in its first `signals` channels.

    The signals come as pairs of x and -x, so the group's mean is zero, and silu(x) - silu(-x) = x. Constant `carriers`
    of both signs fill the rest of the group and dominate its variance. Returns the gain that undoes the division."""
    size = norm.num_channels // norm.num_groups
    half = (size - signals) // 2
    carriers[signals : signals + half] = CARRIER
    carriers[signals + half : size] = -CARRIER
    norm.weight.fill_(1)
    norm.bias.zero_()
    return CARRIER * (2 * half / size) ** 0.5


def _start_decoder(model: AutoencoderKL, pca: PatchPca) -> None:
    """Carry the mean colour of each cell, as pairs of c and -c, past every block; all else starts at random."""
    decoder = model.decoder
    model.post_quant_conv.weight[:, :, 0, 0] = torch.eye(CHANNELS)
    model.post_quant_conv.bias.zero_()
    inverse = np.linalg.pinv(pca.weight).reshape(3, PATCH * PATCH, CHANNELS).mean(1)
    colour = torch.from_numpy(np.concatenate([inverse, -inverse])).float()
    mean = torch.from_numpy(pca.mean.reshape(3, -1).mean(1))
    colours = len(colour)
    decoder.conv_in.weight[:colours] = 0
    decoder.conv_in.weight[:colours, :, 1, 1] = colour
    decoder.conv_in.bias[:colours] = torch.cat([mean, -mean])

    resnets = [*decoder.mid_block.resnets, *(resnet for block in decoder.up_blocks for resnet in block.resnets)]
    for resnet in resnets:
        resnet.conv2.weight.zero_()
        resnet.conv2.bias.zero_()
        if resnet.conv_shortcut is not None:
            _pass_through(resnet.conv_shortcut, colours, torch.ones(1, 1))
    tent = torch.tensor([1.0, 2.0, 1.0]) / 4
    for block in decoder.up_blocks[:-1]:
        _pass_through(block.upsamplers[0].conv, colours, tent[:, None] * tent)

    carriers = decoder.up_blocks[-1].resnets[0].conv_shortcut.bias
    norm = decoder.conv_norm_out
    gain = _linear_through_norm(norm, carriers, signals=colours)
    decoder.conv_out.weight *= 0.1
    decoder.conv_out.weight[:, : norm.num_channels // norm.num_groups] = 0
    decoder.conv_out.bias.zero_()
    for channel in range(3):
        decoder.conv_out.weight[channel, channel, 1, 1] = gain
        decoder.conv_out.weight[channel, channel + 3, 1, 1] = -gain


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
