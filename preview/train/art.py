"""Art styles: filters that redraw a finished picture.

Their regular textures (tiles, hatching, dots, grids) have periods of 8, 16 or 24 pixels and start at the picture's
corner. The autoencoder's cells are 8 pixels wide, so such a texture looks alike in every cell and survives encoding."""

import cv2
import numpy as np

from preview.train.canvas import Filter, Mask, Picture, fractal_noise


def redraw(picture: Picture, style: str, rng: np.random.Generator) -> Picture:
    """`picture` in an art style of captions.STYLES."""
    return np.clip(_FILTERS[style](picture, rng), 0, 1).astype(np.float32)


def grey_of(picture: Picture) -> Mask:
    return picture @ np.float32([0.299, 0.587, 0.114])


def saturated(picture: Picture, amount: float) -> Picture:
    grey = grey_of(picture)[..., None]
    return grey + (picture - grey) * amount


def _edges(picture: Picture, blur: float, gain: float) -> Mask:
    """Outlines of the picture's shapes, 0 in flat areas and 1 along strong edges, in any colour channel."""
    smooth = cv2.GaussianBlur(picture, (0, 0), blur)
    strength = np.hypot(cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1)).max(-1)
    return np.clip(strength * gain - 0.12, 0, 1)


def _unit(picture: Picture) -> float:
    """Size of a pixel in a picture 256 high, for textures that keep their look in smaller pictures; in larger ones they
    keep their size, since a denoiser knows pixels and not pictures."""
    return min(picture.shape[0] / 256, 1)


def _mosaic(picture: Picture, rng: np.random.Generator) -> Picture:
    """Square tiles with light grout, each in its own shade."""
    height, width = picture.shape[:2]
    tile = round(16 * _unit(picture))
    rows, columns = -(-height // tile), -(-width // tile)
    padded = cv2.copyMakeBorder(picture, 0, rows * tile - height, 0, columns * tile - width, cv2.BORDER_REPLICATE)
    colours = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)
    colours = saturated(colours, 1.5) * rng.uniform(0.80, 1.20, (rows, columns, 1)).astype(np.float32)
    tiles = colours.repeat(tile, 0).repeat(tile, 1)[:height, :width]
    grout = round(tile / 6)
    joint = (np.arange(height) % tile < grout)[:, None] | (np.arange(width) % tile < grout)
    return np.where(joint[..., None], np.float32((0.90, 0.88, 0.82)), tiles)


def _sketch(picture: Picture, rng: np.random.Generator) -> Picture:
    """Pencil on paper: outlines and two directions of hatching."""
    height, width = picture.shape[:2]
    grey = cv2.GaussianBlur(grey_of(picture), (0, 0), 1.2 * _unit(picture))
    y, x = np.mgrid[:height, :width].astype(np.float32) / _unit(picture)
    hatch = 0.5 + 0.5 * np.sin((x + y) * 2 * np.pi / 8)
    cross = 0.5 + 0.5 * np.sin((x - y) * 2 * np.pi / 8)
    dark = np.clip((0.80 - grey) * 1.5, 0, 1) * hatch + np.clip((0.42 - grey) * 2, 0, 1) * cross
    ink = np.clip(0.58 * dark + 0.85 * _edges(picture, 0.9 * _unit(picture), 1.6), 0, 0.88)
    paper = 0.96 - 0.04 * fractal_noise(height, width, rng, 60, 2)
    return (paper * (1 - ink))[..., None] * np.float32((1.0, 0.995, 0.97))


def _watercolor(picture: Picture, rng: np.random.Generator) -> Picture:
    """Pale washes that run over their borders and pool at their rims, on white paper."""
    height, width = picture.shape[:2]
    unit = _unit(picture)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    run_x, run_y = ((fractal_noise(height, width, rng, 14, 2) - 0.5) * 20 * unit for _ in range(2))
    wash = cv2.remap(picture, x + run_x, y + run_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    wash = cv2.GaussianBlur(
        cv2.medianBlur((wash * 255).astype(np.uint8), 5).astype(np.float32) / 255, (0, 0), 1.5 * unit
    )
    pooled = np.abs(wash - cv2.GaussianBlur(wash, (0, 0), 4 * unit)).max(-1)
    strength = 0.52 + 0.55 * (fractal_noise(height, width, rng, 4, 4) - 0.5)
    wash = 1 - (1 - saturated(wash, 1.2)) * np.clip(strength + 1.4 * pooled, 0.15, 0.95)[..., None]
    edge = np.minimum.reduce([x, y, width - 1 - x, height - 1 - y]) / (height * 0.10)
    painted = np.clip(edge * 1.6 - fractal_noise(height, width, rng, 9, 3) * 1.1, 0, 1)[..., None]
    paper = 0.985 - 0.03 * fractal_noise(height, width, rng, 70, 1)[..., None]
    return wash * painted + paper * (1 - painted)


def _comic(picture: Picture, rng: np.random.Generator) -> Picture:
    """Few loud colours, black outlines and dots in the shadows."""
    height, width = picture.shape[:2]
    unit = _unit(picture)
    smooth = cv2.bilateralFilter(picture, 7, 0.15, 5 * unit)
    flat = np.round(saturated(smooth, 1.9) * 3) / 3
    y, x = np.mgrid[:height, :width].astype(np.float32) * (2 * np.pi / (8 * unit))
    wave = np.cos(x) * np.cos(y)
    dots = np.clip((wave - 1.6 * (grey_of(smooth) - 0.28)) * 4, 0, 1)
    outline = np.clip(cv2.dilate(_edges(picture, 1.0 * unit, 2.4), np.ones((3, 3))) * 1.6, 0, 1)
    ink = np.maximum(outline, 0.75 * dots)[..., None]
    return flat * (1 - ink) + np.float32((0.03, 0.03, 0.05)) * ink


def _oil(picture: Picture, rng: np.random.Generator) -> Picture:
    """Thousands of thick strokes along the picture's contours, each with a lit and a shaded side."""
    height, width = picture.shape[:2]
    unit = _unit(picture)
    rich = np.clip(saturated(picture, 1.35), 0, 1)
    soft = cv2.GaussianBlur(grey_of(picture), (0, 0), 5 * unit)
    direction = np.arctan2(cv2.Sobel(soft, -1, 0, 1), cv2.Sobel(soft, -1, 1, 0)) + np.pi / 2
    direction += 1.6 * (fractal_noise(height, width, rng, 3, 1) - 0.5)
    canvas = (rich * 255).astype(np.uint8)
    relief = np.full((height, width), 128, np.uint8)
    for length, count, thickness in ((15, 900, 9), (9, 1700, 5)):
        at = rng.random((count, 2)) * (width, height)
        for x, y in at:
            column, row = int(x), int(y)
            along = direction[row, column]
            half_x, half_y = (0.5 * length * unit * part for part in (np.cos(along), np.sin(along)))
            start, end = ((round((x + side * half_x) * 8), round((y + side * half_y) * 8)) for side in (-1, 1))
            shade = rng.uniform(0.86, 1.14)
            colour = tuple(float(min(255.0, c * 255 * shade)) for c in rich[row, column])
            cv2.line(canvas, start, end, colour, max(1, round(thickness * unit)), cv2.LINE_AA, 3)
            cv2.line(relief, start, end, float(rng.integers(60, 196)), max(1, round(thickness * unit)), cv2.LINE_AA, 3)
    height_map = relief.astype(np.float32) / 255
    light = cv2.Sobel(height_map, -1, 1, 0) + cv2.Sobel(height_map, -1, 0, 1)
    return canvas.astype(np.float32) / 255 + 0.09 * np.clip(light, -1.5, 1.5)[..., None]


def _neon(picture: Picture, rng: np.random.Generator) -> Picture:
    """Glowing tubes along the outlines, on black."""
    height, width = picture.shape[:2]
    unit = _unit(picture)
    tube = np.clip(cv2.dilate(_edges(picture, 1.3 * unit, 2.4), np.ones((3, 3))) * 1.5, 0, 1)
    colours = np.float32([(0.05, 0.95, 1.0), (1.0, 0.10, 0.85), (0.45, 0.25, 1.0), (0.25, 1.0, 0.35)])
    field = fractal_noise(height, width, rng, 3, 1) * (len(colours) - 1.001)
    lower = field.astype(int)
    blend = (field - lower)[..., None]
    hue = colours[lower] * (1 - blend) + colours[lower + 1] * blend
    glow = cv2.GaussianBlur(tube, (0, 0), 6 * unit) * 1.1 + cv2.GaussianBlur(tube, (0, 0), 2.5 * unit) * 0.7
    return (
        np.float32((0.03, 0.01, 0.07)) + hue * np.clip(glow, 0, 0.85)[..., None] + tube[..., None] * (0.55 * hue + 0.40)
    )


def _gold(picture: Picture, rng: np.random.Generator) -> Picture:
    """A metal relief: brightness as height, lit from the upper left."""
    unit = _unit(picture)
    grey = cv2.GaussianBlur(grey_of(picture), (0, 0), 1.2 * unit)
    slope = (cv2.Sobel(grey, -1, 1, 0) + cv2.Sobel(grey, -1, 0, 1)) * unit
    shine = 0.12 * (fractal_noise(*grey.shape, rng, 3, 2) - 0.5)
    tone = np.clip(0.10 + 0.72 * grey + 0.80 * slope + shine, 0, 1)
    stops = np.float32(
        [(0.16, 0.07, 0.01), (0.58, 0.34, 0.04), (0.93, 0.68, 0.14), (1.0, 0.90, 0.42), (1.0, 0.99, 0.86)]
    )
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(tone, at, stops[:, channel]) for channel in range(3)], -1)


def _sepia(picture: Picture, rng: np.random.Generator) -> Picture:
    """A faded brown photograph with dark corners, grain and a pale frame."""
    height, width = picture.shape[:2]
    grey = cv2.GaussianBlur(grey_of(picture), (0, 0), 0.8 * _unit(picture))
    low, high = np.percentile(grey, (2, 98))
    grey = 0.10 + 0.80 * (grey - low) / max(high - low, 0.15)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    u, v = x / width * 2 - 1, y / height * 2 - 1
    grey = grey * (1 - 0.32 * np.clip(np.hypot(u, v) - 0.45, 0, 1))
    grey += 0.05 * (fractal_noise(height, width, rng, 70, 1) - 0.5)
    toned = np.stack([0.10 + 0.95 * grey, 0.04 + 0.80 * grey, 0.58 * grey], -1)
    frame = (np.maximum(np.abs(u), np.abs(v)) > 1 - 16 / 256)[..., None]
    return np.where(frame, np.float32((0.95, 0.90, 0.78)), toned)


def _blueprint(picture: Picture, rng: np.random.Generator) -> Picture:
    """White outlines on blue paper with a grid."""
    height, width = picture.shape[:2]
    unit = _unit(picture)
    line = np.clip(_edges(picture, 0.8 * unit, 2.6) * 1.3, 0, 1)
    cell, thin = round(24 * unit), max(1, round(unit))
    grid = (np.arange(height) % cell < thin)[:, None] | (np.arange(width) % cell < thin)
    paper = np.float32((0.05, 0.22, 0.58)) * (0.92 + 0.16 * fractal_noise(height, width, rng, 5, 2))[..., None]
    paper = paper + 0.16 * grid[..., None] + 0.05 * (grey_of(picture)[..., None] - 0.5)
    return paper * (1 - line[..., None]) + np.float32((0.93, 0.97, 1.0)) * line[..., None]


_FILTERS: dict[str, Filter] = {
    "mosaic": _mosaic,
    "sketch": _sketch,
    "watercolor": _watercolor,
    "comic": _comic,
    "oil painting": _oil,
    "neon": _neon,
    "gold": _gold,
    "sepia": _sepia,
    "blueprint": _blueprint,
}
