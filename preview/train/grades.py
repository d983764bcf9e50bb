"""Scene styles for photographs: what the palette does to a made landscape, a grade of colours and a little weather
does to any picture. Nothing moves, so that a restyled photograph keeps its layout."""

import cv2
import numpy as np

from preview.train.art import grey_of, saturated
from preview.train.canvas import Filter, Mask, Picture, fractal_noise

Colour = tuple[float, float, float]


def regrade(picture: Picture, style: str, rng: np.random.Generator) -> Picture:
    """`picture` in a scene style of captions.STYLES."""
    return np.clip(_GRADES[style](picture, rng), 0, 1).astype(np.float32)


def _toned(picture: Picture, dark: Colour, middle: Colour, light: Colour, share: float) -> Picture:
    """Blend by `share` with the picture's greys in a gradient of three colours."""
    grey = grey_of(picture)
    stops = np.float32([dark, middle, light])
    tone = np.stack([np.interp(grey, (0, 0.5, 1), stops[:, channel]) for channel in range(3)], -1)
    return picture * (1 - share) + tone.astype(np.float32) * share


def _green(picture: Picture) -> Mask:
    """How much of a plant's green a pixel has, 0..1."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    return np.clip(np.minimum(green - (red + blue) / 2, green - 0.92 * red) * 8, 0, 1)


def _down(picture: Picture) -> Mask:
    """0 at the upper edge, 1 at the lower one."""
    height, width = picture.shape[:2]
    return np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, 1)


def _specks(picture: Picture, rng: np.random.Generator, share: float, size: float) -> Mask:
    """Soft round dots on about `share` of the picture, `size` pixels wide at 256."""
    height, width = picture.shape[:2]
    unit = height / 256
    seeds = (rng.random((height, width)) < share / (size * unit) ** 2).astype(np.float32)
    dots = cv2.GaussianBlur(seeds, (0, 0), 0.42 * size * unit)
    return np.clip(dots / max(float(dots.max()), 1e-6) * 2, 0, 1)


def _mixed(picture: Picture, colour: Colour, mask: Mask) -> Picture:
    return picture * (1 - mask[..., None]) + np.float32(colour) * mask[..., None]


def _sunset(picture: Picture, rng: np.random.Generator) -> Picture:
    toned = _toned(picture, (0.12, 0.04, 0.14), (0.85, 0.36, 0.18), (1.0, 0.84, 0.46), 0.62)
    return _mixed(toned, (1.0, 0.55, 0.16), 0.35 * (1 - _down(picture)))


def _night(picture: Picture, rng: np.random.Generator) -> Picture:
    dark = _toned(picture * 0.8, (0.01, 0.02, 0.07), (0.08, 0.14, 0.32), (0.42, 0.52, 0.78), 0.78)
    glow = cv2.GaussianBlur(np.clip((grey_of(picture) - 0.86) * 6, 0, 1), (0, 0), picture.shape[0] / 128)
    return dark + glow[..., None] * np.float32((0.45, 0.38, 0.20))


def _autumn(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    grey = grey_of(picture)[..., None]
    leaf = np.float32((0.98, 0.48, 0.08)) + fractal_noise(height, width, rng, 9, 2)[..., None] * np.float32(
        (0, 0.28, 0)
    )
    turned = picture + (np.clip(grey * 1.6, 0, 1) * leaf - picture) * _green(picture)[..., None]
    return _toned(saturated(turned, 1.3), (0.16, 0.07, 0.03), (0.86, 0.44, 0.14), (1.0, 0.90, 0.66), 0.5)


def _winter(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    pale = _toned(saturated(picture, 0.35), (0.20, 0.26, 0.36), (0.66, 0.74, 0.84), (1.0, 1.0, 1.0), 0.6)
    drift = np.clip((_down(picture) * 0.7 + fractal_noise(height, width, rng, 5, 3) * 0.5 - 0.55) * 2, 0, 0.8)
    white = _mixed(pale, (0.95, 0.97, 1.0), np.maximum(drift, 0.75 * _green(picture)))
    return _mixed(white, (1.0, 1.0, 1.0), _specks(picture, rng, 0.03, 2.4))


def _spring(picture: Picture, rng: np.random.Generator) -> Picture:
    fresh = saturated(_mixed(picture, (0.55, 0.86, 0.36), 0.5 * _green(picture)), 1.25)
    light = _toned(fresh, (0.22, 0.26, 0.20), (0.72, 0.80, 0.66), (1.0, 0.97, 0.98), 0.35)
    return _mixed(light, (0.98, 0.64, 0.78), 0.9 * _specks(picture, rng, 0.10, 5.0))


def _fog(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    thickness = 0.88 - 0.42 * _down(picture) + 0.25 * (fractal_noise(height, width, rng, 3, 3) - 0.5)
    soft = cv2.GaussianBlur(saturated(picture, 0.4), (0, 0), height / 200)
    return _mixed(soft, (0.82, 0.84, 0.86), np.clip(thickness, 0, 0.92))


def _storm(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    dark = _toned(picture * 0.75, (0.03, 0.04, 0.07), (0.22, 0.26, 0.32), (0.62, 0.67, 0.74), 0.72)
    clouded = dark * (1 - 0.45 * (1 - _down(picture)) * fractal_noise(height, width, rng, 3, 4))[..., None]
    unit = height / 256
    drops = (rng.random((height, width)) < 0.012).astype(np.float32)
    length = round(13 * unit) | 1
    slant = cv2.warpAffine(
        np.eye(length, dtype=np.float32)[:, ::-1].copy(),
        np.float32([[0.45, 0, 0.275 * length], [0, 1, 0]]),
        (length, length),
    )
    rain = np.clip(cv2.filter2D(drops, -1, slant), 0, 1)
    return clouded + 0.34 * rain[..., None]


def _desert(picture: Picture, rng: np.random.Generator) -> Picture:
    dry = _mixed(picture, (0.86, 0.68, 0.40), 0.7 * _green(picture))
    sand = _toned(dry, (0.34, 0.18, 0.08), (0.88, 0.66, 0.38), (1.0, 0.92, 0.72), 0.68)
    return _mixed(sand, (0.96, 0.80, 0.52), 0.22 * _down(picture))


def _fire(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    embers = _toned(picture, (0.06, 0.01, 0.01), (0.66, 0.12, 0.02), (1.0, 0.66, 0.14), 0.8)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    sway = (fractal_noise(height, width, rng, 4, 3) - 0.5) * 0.18 * height
    tongues = cv2.resize(fractal_noise(max(height // 4, 8), width, rng, 9, 3), (width, height))
    tongues = cv2.remap(tongues, x + sway, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    flame = np.clip((tongues + 0.75 * _down(picture) - 0.95) * 3.2, 0, 1)
    return _mixed(_mixed(embers, (1.0, 0.42, 0.04), flame), (1.0, 0.88, 0.40), np.clip(flame * 2 - 1.1, 0, 1))


def _underwater(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    sea = _toned(picture, (0.0, 0.07, 0.16), (0.05, 0.42, 0.52), (0.62, 0.94, 0.90), 0.74)
    deep = sea * (1.1 - 0.5 * _down(picture))[..., None]
    web = np.abs(fractal_noise(height, width, rng, 8, 2) - 0.5)
    light = np.clip(1 - web * 14, 0, 1) * (1 - 0.6 * _down(picture))
    return deep + 0.22 * light[..., None] * np.float32((0.8, 1.0, 0.95))


def _candy(picture: Picture, rng: np.random.Generator) -> Picture:
    sweet = _toned(saturated(picture, 1.4), (0.62, 0.22, 0.58), (0.98, 0.58, 0.76), (1.0, 0.96, 0.90), 0.62)
    mint = _mixed(sweet, (0.56, 0.92, 0.82), 0.7 * _green(picture))
    for colour in ((1.0, 0.92, 0.35), (0.42, 0.78, 1.0), (1.0, 1.0, 1.0)):
        mint = _mixed(mint, colour, 0.9 * _specks(picture, rng, 0.03, 4.0))
    return mint


_GRADES: dict[str, Filter] = {
    "sunset": _sunset,
    "night": _night,
    "autumn": _autumn,
    "winter": _winter,
    "spring": _spring,
    "fog": _fog,
    "storm": _storm,
    "desert": _desert,
    "fire": _fire,
    "underwater": _underwater,
    "candy": _candy,
}
