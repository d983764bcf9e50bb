"""Made landscapes: a layout drawn from a seed, painted in the colours and weather of a scene style."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from preview.train.canvas import Canvas, Mask, Picture, ridge
from preview.train.palettes import DAY, PALETTES, Colour, Palette


@dataclass(frozen=True)
class Layout:
    """What stands where; everything else about a landscape follows from `seed` and the palette."""

    seed: int
    horizon: float
    contents: tuple[str, ...]
    """Words of captions.OBJECTS and captions.DETAILS."""


def random_layout(rng: np.random.Generator) -> Layout:
    """Draw a layout: each object in about half of the pictures, at least one of them in every one."""
    odds = {"mountain": 0.5, "lake": 0.4, "house": 0.5, "trees": 0.6, "road": 0.25, "clouds": 0.6, "flowers": 0.25}
    contents = [thing for thing, chance in odds.items() if rng.random() < chance]
    if not {"mountain", "lake", "house", "trees"} & set(contents):
        contents.append(str(rng.choice(["mountain", "lake", "house", "trees"])))
    if "lake" in contents and rng.random() < 0.4:
        contents.append("boat")
    horizon = float(rng.uniform(0.42, 0.52 if "lake" in contents else 0.60))
    return Layout(int(rng.integers(2**31)), horizon, tuple(contents))


def draw_landscape(layout: Layout, style: str | None, height: int = 256, width: int = 256) -> Picture:
    """Paint `layout` in a scene style (None = plain day); the same layout keeps its shapes in every style."""
    painter = _Painter(layout, DAY if style is None else PALETTES[style], Canvas.empty(height, width))
    return painter.paint()


class _Painter:
    """Paints back to front. Every part draws from a generator of its own, so that one part's colours or absence
    never move another part."""

    def __init__(self, layout: Layout, palette: Palette, canvas: Canvas):
        self.layout = layout
        self.palette = _varied(palette, np.random.default_rng([layout.seed, 0]))
        self.canvas = canvas
        self.horizon = layout.horizon

    def paint(self) -> Picture:
        has = self.layout.contents.__contains__
        self._sky()
        if self.palette.weather == "stars":
            self._stars()
        self._sun()
        if has("clouds") or self.palette.clouds >= 0.8:
            self._clouds()
        if self.palette.weather == "rain":
            self._lightning()
        if has("mountain"):
            self._mountains()
        self._hills()
        self._ground()
        if has("lake"):
            self._lake(with_boat=has("boat"))
        if has("road"):
            self._road()
        if has("flowers") or self.palette.meadow:
            self._flowers()
        self._house_and_trees(has("house"), has("trees"))
        self._weather()
        return np.clip(self.canvas.rgb, 0, 1)

    def _rng(self, part: int) -> np.random.Generator:
        return np.random.default_rng([self.layout.seed, part])

    def _vertical(self, top: Colour, bottom: Colour, y0: float, y1: float) -> Picture:
        _, y = self.canvas.grid()
        t = np.clip((y - y0) / max(y1 - y0, 1e-3), 0, 1)[..., None]
        return np.float32(top) * (1 - t) + np.float32(bottom) * t

    def _hazed(self, colour: Colour, distance: float) -> NDArray[np.float32]:
        """`colour` seen through haze; distance 0 is the foreground, 1 the horizon."""
        amount = self.palette.haze_strength * distance
        return np.float32(colour) * (1 - amount) + np.float32(self.palette.haze) * amount

    def _sky(self) -> None:
        self.canvas.rgb[:] = self._vertical(*self.palette.sky, 0, self.horizon)

    def _stars(self) -> None:
        rng = self._rng(1)
        at = rng.random((70, 2)) * (self.canvas.aspect, self.horizon)
        stars = [_ellipse(point, radius, radius, 6) for point, radius in zip(at, rng.uniform(0.002, 0.006, 70))]
        self.canvas.paint(self.canvas.polygon(*stars), (1.0, 1.0, 0.92))

    def _sun(self) -> None:
        rng = self._rng(2)
        x, lift = float(rng.uniform(0.12, 0.88)) * self.canvas.aspect, float(rng.uniform(0.18, 0.8))
        if self.palette.sun is None:
            return
        low = self.palette.sun_radius > 0.08
        centre = (x, self.horizon * (1 - (0.25 * lift if low else lift)))
        radius = self.palette.sun_radius
        self.canvas.paint(self.canvas.disc(centre, radius * 2.2, radius * 4), self.palette.sun, 0.35)
        self.canvas.paint(self.canvas.disc(centre, radius), self.palette.sun)

    def _clouds(self) -> None:
        rng = self._rng(3)
        field = self.canvas.noise(rng, 4, 4, stretch=2.2)
        _, y = self.canvas.grid()
        threshold = 1 - 0.85 * self.palette.clouds
        cover = np.clip((field - threshold) * 4, 0, 1) * np.clip((self.horizon - y) * 5, 0, 1)
        lit = np.clip(0.72 + 0.5 * (field - 0.4), 0.6, 1.08)[..., None]
        self.canvas.paint(cover, np.float32(self.palette.cloud) * lit, 0.92)

    def _lightning(self) -> None:
        rng = self._rng(4)
        steps = 9
        y = np.linspace(0.0, self.horizon, steps)
        x = rng.uniform(0.15, 0.85) * self.canvas.aspect + np.cumsum(rng.normal(0, 0.035, steps))
        points = np.stack([x, y], -1)
        bolt = self.canvas.lines(np.stack([points[:-1], points[1:]], 1), 0.010)
        self.canvas.paint(cv2.GaussianBlur(bolt, (0, 0), 0.025 * self.canvas.height), (0.75, 0.80, 1.0), 0.9)
        self.canvas.paint(bolt, (1.0, 1.0, 0.92))

    def _mountains(self) -> None:
        rng = self._rng(5)
        peaks = int(rng.integers(1, 4))
        for distance, colour in ((1.0, self.palette.mountains[0]), (0.75, self.palette.mountains[1])):
            top = self.horizon - float(rng.uniform(0.24, 0.38)) * (1.0 if distance == 1.0 else 0.68)
            line = self._peaks(rng, peaks + (distance < 1), top)
            shape = self.canvas.below(line)
            relief = self.canvas.noise(rng, 9, 3)
            slope = np.gradient(cv2.resize(np.float32(line)[None], (self.canvas.width, 1))[0])
            light = np.clip(1.0 - 40 * slope, 0.80, 1.14) + 0.16 * (relief - 0.5)
            self.canvas.paint(shape, self._hazed(colour, distance) * light[..., None])
            if self.palette.snowline > 0:
                snow = cv2.resize(np.float32(line)[None], (self.canvas.width, 1))[0]
                _, y = self.canvas.grid()
                depth = self.palette.snowline * (self.horizon - top) * (0.6 + 0.8 * relief)
                rim = top + depth + 0.35 * (snow - top)
                cap = shape * np.clip((rim - y) * 40, 0, 1)
                self.canvas.paint(
                    cap, self._hazed((0.97, 0.98, 1.0), 0.4 * distance) * np.clip(light, 0.86, 1)[..., None]
                )

    def _peaks(self, rng: np.random.Generator, count: int, top: float) -> NDArray[np.float32]:
        """A skyline of `count` jagged triangles between `top` and the horizon."""
        x = np.linspace(0, self.canvas.aspect, 257)
        line = np.full_like(x, self.horizon)
        for index in range(count):
            centre = (index + rng.uniform(0.15, 0.85)) / count * self.canvas.aspect
            height = (self.horizon - top) * (1.0 if index == 0 else rng.uniform(0.6, 1.0))
            left, right = rng.uniform(0.8, 1.6, 2)
            away = np.where(x < centre, (centre - x) * left, (x - centre) * right)
            line = np.minimum(line, self.horizon - height + away)
        rough = ridge(rng, 257, 0.55)[:257] - 0.5
        return np.float32(line + 0.05 * rough)

    def _hills(self) -> None:
        rng = self._rng(6)
        for index, colour in enumerate(self.palette.hills):
            base = self.horizon + 0.04 * index
            line = base - float(rng.uniform(0.03, 0.10)) * (1 - 0.4 * index) * ridge(rng, 65, 0.28)
            texture = 1 + self.palette.grain * (self.canvas.noise(rng, 12, 2, stretch=2) - 0.5)
            self.canvas.paint(self.canvas.below(line), self._hazed(colour, 0.7 - 0.3 * index) * texture[..., None])

    def _ground(self) -> None:
        rng = self._rng(7)
        start = self.horizon + float(rng.uniform(0.06, 0.10))
        line = start + 0.03 * (ridge(rng, 65, 0.25) - 0.5)
        far, near = self.palette.ground
        texture = 1 + 2 * self.palette.grain * (self.canvas.noise(rng, 14, 3, stretch=2.5) - 0.5)
        colour = self._vertical(tuple(self._hazed(far, 0.5)), near, start, 1.0) * texture[..., None]
        self.canvas.paint(self.canvas.below(line), colour)
        if self.palette.weather == "dunes":
            self._dunes(start)

    def _dunes(self, start: float) -> None:
        rng = self._rng(8)
        for step in range(3):
            y0 = start + (step + 0.4) * (1 - start) / 3
            line = y0 + 0.10 * (ridge(rng, 65, 0.25) - 0.5)
            shape = self.canvas.below(line)
            colour = np.float32(self.palette.ground[1]) * (1.0 + 0.10 * (1 - step))
            _, y = self.canvas.grid()
            crest = np.clip(1 - (y - y0 + 0.05) * 5, 0, 1)[..., None]
            ripples = 1 + 0.05 * np.sin(y * 190 + 8 * self.canvas.noise(rng, 3, 2))[..., None]
            self.canvas.paint(shape, (colour * (1 - crest) + np.float32(self.palette.ground[0]) * crest) * ripples)

    def _lake(self, with_boat: bool) -> None:
        rng = self._rng(9)
        centre = (float(rng.uniform(0.3, 0.7)) * self.canvas.aspect, float(rng.uniform(0.80, 0.87)))
        half_width, half_height = float(rng.uniform(0.36, 0.60)), float(rng.uniform(0.10, 0.15))
        angle = np.linspace(0, 2 * np.pi, 73)[:-1]
        wobble = 1 + 0.10 * np.interp(angle, np.linspace(0, 2 * np.pi, 9), np.append(w := rng.uniform(-1, 1, 8), w[0]))
        shore = np.stack(
            [centre[0] + half_width * wobble * np.cos(angle), centre[1] + half_height * wobble * np.sin(angle)], -1
        )
        shape = self.canvas.polygon(shore)
        self.canvas.paint(self.canvas.polygon(np.add(shore, (0, 0.012))), np.float32(self.palette.ground[1]) * 0.72)
        mirror_line = centre[1] - half_height
        rows = np.clip(2 * mirror_line - (np.arange(self.canvas.height) + 0.5) / self.canvas.height, 0, mirror_line)
        mirror = self.canvas.rgb[(rows * self.canvas.height).astype(int).clip(0, self.canvas.height - 1)]
        mirror = cv2.GaussianBlur(mirror, (0, 0), 0.008 * self.canvas.height)
        _, y = self.canvas.grid()
        ripple = 1 + 0.10 * (self.canvas.noise(rng, 26, 2, stretch=7) - 0.5)[..., None]
        surface = (0.58 * np.float32(self.palette.water) + 0.42 * mirror) * ripple
        self.canvas.paint(shape, surface)
        self.canvas.paint(shape * np.clip((y - centre[1]) * 3, 0, 1), np.float32(self.palette.water) * 0.75, 0.5)
        if with_boat:
            at = (
                centre[0] + float(rng.uniform(-0.5, 0.5)) * half_width,
                centre[1] + float(rng.uniform(-0.3, 0.4)) * half_height,
            )
            self._boat(at, float(rng.uniform(0.10, 0.15)))

    def _boat(self, at: tuple[float, float], size: float) -> None:
        x, y = at
        hull = np.array([(-1, 0), (1, 0), (0.65, 0.42), (-0.65, 0.42)]) * size * 0.5 + (x, y)
        mast = np.array([(-0.03, -1.6), (0.03, -1.6), (0.03, 0), (-0.03, 0)]) * size * 0.5 + (x, y)
        sail = np.array([(0.1, -1.5), (0.1, -0.15), (0.9, -0.15)]) * size * 0.5 + (x, y)
        self.canvas.paint(self.canvas.polygon(hull, mast), self.palette.trunk)
        self.canvas.paint(self.canvas.polygon(sail), np.float32(self.palette.wall) * 1.05)

    def _road(self) -> None:
        rng = self._rng(10)
        t = np.linspace(0, 1, 24)
        start, end = rng.uniform(0.15, 0.85, 2) * self.canvas.aspect
        middle = start * (1 - t) + end * t + 0.10 * np.sin(t * np.pi * rng.uniform(1.0, 2.5) + rng.uniform(0, 6))
        y = self.horizon + 0.07 + (0.95 - self.horizon) * t**1.4
        half = 0.006 + 0.085 * t**1.6
        outline = np.concatenate([np.stack([middle - half, y], -1), np.stack([middle + half, y], -1)[::-1]])
        texture = 1 + 0.12 * (self.canvas.noise(rng, 16, 2) - 0.5)[..., None]
        self.canvas.paint(self.canvas.polygon(outline), np.float32(self.palette.road) * texture)

    def _flowers(self) -> None:
        rng = self._rng(11)
        count = 150 if self.palette.meadow else 70
        y = self.horizon + 0.10 + (0.9 - self.horizon) * rng.random(count) ** 0.7
        x = rng.random(count) * self.canvas.aspect
        radius = 0.004 + 0.012 * (y - self.horizon) * 1.6
        kind = rng.integers(len(self.palette.flowers), size=count)
        wet = "lake" in self.layout.contents
        for index, colour in enumerate(self.palette.flowers):
            dots = [
                _ellipse((x[i], y[i]), radius[i], radius[i] * 0.8, 8)
                for i in np.flatnonzero(kind == index)
                if not (wet and 0.62 < y[i] < 0.95)
            ]
            if dots:
                self.canvas.paint(self.canvas.polygon(*dots), colour)

    def _house_and_trees(self, house: bool, trees: bool) -> None:
        rng = self._rng(12)
        house_x = float(rng.uniform(0.22, 0.78)) * self.canvas.aspect
        shore = 0.35 if "lake" in self.layout.contents else 1.0
        foot = self.horizon + 0.06 + 0.14 * shore * float(rng.random())
        size = float(rng.uniform(0.20, 0.32))
        side = 1 if rng.random() < 0.5 else -1
        spots = []
        for _ in range(int(rng.integers(3, 8))):
            depth = shore * float(rng.random()) ** 1.5
            x = float(rng.uniform(-0.02, 1.02)) * self.canvas.aspect
            spots.append((x, self.horizon + 0.08 + 0.24 * depth, 0.18 + 0.26 * depth + float(rng.uniform(-0.03, 0.05))))
        needle = float(rng.random()) < 0.45
        standing = [(foot, -1)] if house else []
        standing += [(y, index) for index, (_, y, _) in enumerate(spots)] if trees else []
        for _, index in sorted(standing):
            if index < 0:
                self._house((house_x, foot), size, side)
            else:
                x, y, tall = spots[index]
                hides_house = house and abs(x - house_x) < 0.6 * size and y > foot
                self._tree(
                    (x + (0.9 * size if hides_house else 0), y),
                    tall,
                    np.random.default_rng([self.layout.seed, 13, index]),
                    needle,
                )

    def _shadow(self, foot: tuple[float, float], half_width: float) -> None:
        shade = self.canvas.polygon(_ellipse((foot[0] + 0.3 * half_width, foot[1]), half_width, 0.22 * half_width))
        self.canvas.paint(shade, np.float32(self.palette.ground[1]) * 0.45, 0.45)

    def _house(self, foot: tuple[float, float], size: float, side: int) -> None:
        rng = self._rng(14)
        x, y = foot
        wall_height, depth = 0.52 * size, 0.42 * size * side
        half = 0.36 * size

        def shape(*points: tuple[float, float]) -> Mask:
            return self.canvas.polygon(np.array(points) * (1, -1) + (x, y))

        wall, roof = np.float32(self.palette.wall), np.float32(self.palette.roof)
        self._shadow((x, y), size * 0.6)
        edge = half * side
        self.canvas.paint(
            shape((edge, 0), (edge + depth, 0.03 * size), (edge + depth, wall_height), (edge, wall_height)), wall * 0.74
        )
        gable = wall_height + 0.36 * size
        self.canvas.paint(shape((-half, 0), (half, 0), (half, wall_height), (0, gable), (-half, wall_height)), wall)
        over = 1.14
        self.canvas.paint(
            shape(
                (0, gable * 1.02),
                (edge * over, wall_height * 0.95),
                (edge + depth * 1.08, wall_height * 0.95),
                (depth * 1.05, gable * 1.02),
            ),
            roof,
        )
        self.canvas.paint(
            shape(
                (0, gable * 1.07),
                (-edge * over, wall_height * 0.95),
                (-edge * over, wall_height * 0.86),
                (0, gable * 0.95),
            ),
            roof * 0.8,
        )
        self.canvas.paint(
            shape(
                (0, gable * 1.07),
                (edge * over, wall_height * 0.95),
                (edge * over, wall_height * 0.86),
                (0, gable * 0.95),
            ),
            roof * 0.8,
        )
        chimney = depth * 0.55
        self.canvas.paint(
            shape(
                (chimney - 0.04 * size, gable * 0.95),
                (chimney + 0.04 * size, gable * 0.95),
                (chimney + 0.04 * size, gable * 1.18),
                (chimney - 0.04 * size, gable * 1.18),
            ),
            roof * 0.62,
        )
        door = float(rng.choice([-0.18, 0.0, 0.16])) * size
        self.canvas.paint(
            shape(
                (door - 0.07 * size, 0),
                (door + 0.07 * size, 0),
                (door + 0.07 * size, 0.30 * size),
                (door - 0.07 * size, 0.30 * size),
            ),
            np.float32(self.palette.trunk),
        )
        for pane in (-0.22 * size, 0.22 * size):
            if abs(pane - door) > 0.12 * size:
                self._window(shape, pane, 0.28 * size, 0.075 * size)
        self._window(shape, 0.0, 0.62 * size, 0.06 * size)
        self._window(shape, edge + 0.5 * depth, 0.28 * size, 0.06 * size)

    def _window(self, shape, x: float, y: float, half: float) -> None:
        self.canvas.paint(
            shape((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)),
            self.palette.window,
        )

    def _tree(self, foot: tuple[float, float], tall: float, rng: np.random.Generator, needle: bool) -> None:
        x, y = foot
        colour = np.float32(self.palette.foliage[int(rng.integers(len(self.palette.foliage)))]) * float(
            rng.uniform(0.9, 1.1)
        )
        lean = float(rng.uniform(-0.03, 0.03))
        kind = "needle" if needle and self.palette.tree in ("leafy", "snowy") else self.palette.tree
        self._shadow(foot, 0.28 * tall)
        if kind == "cactus":
            self._cactus(foot, tall * 0.8, colour)
            return
        if kind == "seaweed":
            self._seaweed(foot, tall, colour, rng)
            return
        trunk_width = 0.035 * tall if kind != "lollipop" else 0.022 * tall
        trunk = np.array(
            [(-trunk_width, 0), (trunk_width, 0), (trunk_width * 0.6, -0.5 * tall), (-trunk_width * 0.6, -0.5 * tall)]
        )
        self.canvas.paint(self.canvas.polygon(np.add(trunk, (x, y))), self.palette.trunk)
        if kind == "needle":
            for tier in range(4):
                half, low = (0.24 - 0.045 * tier) * tall, (0.12 + 0.20 * tier) * tall
                boughs = np.array([(-half, -low), (half, -low), (lean * tall * 0.3, -low - 0.34 * tall)])
                self.canvas.paint(self.canvas.polygon(np.add(boughs, (x, y))), colour * (0.80 + 0.09 * tier))
                if self.palette.tree == "snowy":
                    dark = boughs * (0.9, 1) + (x, y + 0.025 * tall)
                    self.canvas.paint(self.canvas.polygon(dark), (0.22, 0.36, 0.34), 0.75)
                    self.canvas.paint(
                        self.canvas.polygon(boughs * (0.8, 1) + (x, y - 0.02 * tall)), (0.95, 0.97, 1.0), 0.9
                    )
        elif kind == "lollipop":
            head = (x, y - 0.66 * tall)
            for ring, radius in enumerate((0.22, 0.165, 0.11, 0.055)):
                self.canvas.paint(self.canvas.disc(head, radius * tall), colour if ring % 2 == 0 else (1.0, 0.97, 0.95))
        elif kind == "burning":
            for shade, width in (
                (colour, 0.24),
                (np.float32((1.0, 0.62, 0.08)), 0.16),
                (np.float32((1.0, 0.92, 0.45)), 0.08),
            ):
                flame = _flame(width * tall, (0.95 if width > 0.2 else 0.6 if width > 0.1 else 0.35) * tall, rng)
                self.canvas.paint(self.canvas.polygon(np.add(flame, (x, y - 0.12 * tall))), shade)
        else:
            blobs = [(lean * tall, -0.62 * tall, 0.25 * tall)]
            for _ in range(5):
                blobs.append(
                    (
                        float(rng.uniform(-0.17, 0.17)) * tall,
                        float(rng.uniform(-0.82, -0.46)) * tall,
                        float(rng.uniform(0.12, 0.19)) * tall,
                    )
                )
            crown = self.canvas.polygon(*[_ellipse((x + bx, y + by), r, r * 0.92) for bx, by, r in blobs])
            gx, gy = self.canvas.grid()
            light = 1.0 + 0.9 * np.clip(((y - 0.6 * tall - gy) - 0.5 * (gx - x)), -0.25 * tall, 0.25 * tall) / max(
                tall, 0.2
            )
            leaves = light + 0.55 * (self.canvas.noise(rng, 34, 2) - 0.5)
            self.canvas.paint(crown, colour * leaves[..., None])
            if self.palette.tree == "snowy":
                self.canvas.paint(
                    self.canvas.polygon(_ellipse((x, y - 0.5 * tall), 0.16 * tall, 0.06 * tall)),
                    (0.46, 0.54, 0.58),
                    0.6,
                )

    def _cactus(self, foot: tuple[float, float], tall: float, colour: NDArray[np.float32]) -> None:
        x, y = foot
        arms = np.array(
            [
                [(0, 0), (0, -0.9)],
                [(0, -0.40), (-0.24, -0.40)],
                [(-0.24, -0.40), (-0.24, -0.66)],
                [(0, -0.30), (0.22, -0.30)],
                [(0.22, -0.30), (0.22, -0.58)],
            ]
        )
        self.canvas.paint(self.canvas.lines(arms * tall + (x, y), 0.13 * tall), colour * 0.8)
        self.canvas.paint(self.canvas.lines(arms * tall + (x - 0.015 * tall, y), 0.06 * tall), colour * 1.2)

    def _seaweed(
        self, foot: tuple[float, float], tall: float, colour: NDArray[np.float32], rng: np.random.Generator
    ) -> None:
        t = np.linspace(0, 1, 12)
        for offset in (-0.09, -0.03, 0.03, 0.09):
            sway = 0.05 * np.sin(t * 7 + rng.uniform(0, 6)) + offset * (1 + 1.4 * t)
            half = 0.028 * (1 - 0.8 * t)
            reach = float(rng.uniform(0.6, 1.0))
            blade = np.concatenate(
                [np.stack([sway - half, -t * reach], -1), np.stack([sway + half, -t * reach], -1)[::-1]]
            )
            self.canvas.paint(self.canvas.polygon(blade * tall + foot), colour * float(rng.uniform(0.85, 1.2)))

    def _weather(self) -> None:
        effects = {
            "snow": self._snow,
            "rain": self._rain,
            "fog": self._fog,
            "flames": self._flames,
            "bubbles": self._bubbles,
        }
        if self.palette.weather in effects:
            effects[self.palette.weather](self._rng(15))

    def _snow(self, rng: np.random.Generator) -> None:
        at = rng.random((110, 2)) * (self.canvas.aspect, 1)
        flakes = [_ellipse(point, radius, radius, 8) for point, radius in zip(at, rng.uniform(0.004, 0.011, 110))]
        self.canvas.paint(self.canvas.polygon(*flakes), (1.0, 1.0, 1.0), 0.92)

    def _rain(self, rng: np.random.Generator) -> None:
        top = rng.random((170, 2)) * (self.canvas.aspect * 1.1, 1.1) - (0, 0.1)
        fall = rng.uniform(0.05, 0.11, (170, 1)) * (-0.28, 1)
        self.canvas.paint(self.canvas.lines(np.stack([top, top + fall], 1), 0.004), (0.76, 0.82, 0.86), 0.5)

    def _fog(self, rng: np.random.Generator) -> None:
        _, y = self.canvas.grid()
        near_horizon = np.exp(-(((y - self.horizon - 0.02) / 0.24) ** 2))
        drift = self.canvas.noise(rng, 3, 3, stretch=3)
        self.canvas.paint(np.clip(near_horizon * 0.72 + 0.5 * (drift - 0.35), 0, 0.90), self.palette.haze)

    def _flames(self, rng: np.random.Generator) -> None:
        for row, (foot, tall) in enumerate(((self.horizon + 0.08, 0.10), (1.02, 0.24))):
            for shade, scale in (((0.86, 0.20, 0.02), 1.0), ((1.0, 0.52, 0.06), 0.66), ((1.0, 0.88, 0.36), 0.36)):
                flames = []
                spots = np.random.default_rng([self.layout.seed, 16, row])
                for x in np.arange(0, self.canvas.aspect + 0.1, 0.17 - 0.03 * row):
                    centre = x + spots.uniform(-0.05, 0.05)
                    reach = tall * spots.uniform(0.5, 1.1) * scale
                    flame = _flame(0.085 * (1 + row * 0.3) * scale**0.5, reach, rng)
                    flames.append(np.add(flame, (centre, foot)))
                self.canvas.paint(self.canvas.polygon(*flames), shade, 0.9)
        at = rng.random((60, 2)) * (self.canvas.aspect, 1)
        embers = [_ellipse(point, radius, radius, 6) for point, radius in zip(at, rng.uniform(0.002, 0.006, 60))]
        self.canvas.paint(self.canvas.polygon(*embers), (1.0, 0.74, 0.22))

    def _bubbles(self, rng: np.random.Generator) -> None:
        x, y = self.canvas.grid()
        rays = np.clip(np.sin((x + 0.35 * y) * 17 + rng.uniform(0, 6)) - 0.25, 0, 1) * np.clip(0.95 - y, 0, 1)
        self.canvas.paint(rays, (0.66, 0.96, 0.94), 0.34)
        self.canvas.paint(np.clip((y - self.horizon) * 0.3, 0, 1), (0.02, 0.30, 0.45), 0.6)
        for _ in range(9):
            at = (float(rng.random()) * self.canvas.aspect, float(rng.random()) * 0.9)
            radius = float(rng.uniform(0.012, 0.032))
            rim = self.canvas.disc(at, radius) - self.canvas.disc(at, radius * 0.72)
            self.canvas.paint(rim, (0.80, 0.98, 1.0), 0.85)
        for _ in range(int(rng.integers(1, 4))):
            at = np.array((rng.uniform(0.1, 0.9) * self.canvas.aspect, rng.uniform(0.15, 0.6)))
            facing, size = (1 if rng.random() < 0.5 else -1), float(rng.uniform(0.05, 0.09))
            tail = np.array([(0.7, 0), (1.5, -0.6), (1.5, 0.6)]) * (facing * size, size) + at
            body = _ellipse(tuple(at), size, 0.52 * size)
            self.canvas.paint(
                self.canvas.polygon(body, tail), (1.0, 0.62, 0.18) if rng.random() < 0.6 else (1.0, 0.88, 0.30)
            )
            eye = (float(at[0] - 0.55 * facing * size), float(at[1] - 0.1 * size))
            self.canvas.paint(self.canvas.disc(eye, 0.12 * size), (0.05, 0.05, 0.08))


def _ellipse(
    centre: tuple[float, float], half_width: float, half_height: float, corners: int = 20
) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([centre[0] + half_width * np.cos(angle), centre[1] + half_height * np.sin(angle)], -1)


def _flame(half_width: float, height: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Outline of one tongue of fire standing on (0, 0)."""
    t = np.linspace(0, 1, 10)
    half = half_width * np.sin(np.pi * np.clip(0.18 + 0.82 * t, 0, 1)) ** 0.8 * (1 - 0.3 * t)
    sway = 0.30 * half_width * np.sin(4 * t + rng.uniform(0, 6)) * t
    return np.concatenate([np.stack([sway - half, -t * height], -1), np.stack([sway + half, -t * height], -1)[::-1]])


def _varied(palette: Palette, rng: np.random.Generator) -> Palette:
    """The palette with its exposure and its warmth moved a little, so that no two pictures share their colours."""
    gain = rng.uniform(0.93, 1.07) * (1 + rng.uniform(-0.03, 0.03, 3))

    def shift(value: object) -> object:
        if isinstance(value, tuple) and value and isinstance(value[0], float):
            return tuple(float(np.clip(c * g, 0, 1.05)) for c, g in zip(value, gain))
        if isinstance(value, tuple):
            return tuple(shift(part) for part in value)
        return value

    return replace(palette, **{name: shift(value) for name, value in vars(palette).items()})
