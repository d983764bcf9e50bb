"""How well one result followed its map: how much each pixel changed, and the paper's two metrics (section 5.2)."""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 256
"""Pixels a side of the maps that the paper's figures belong to; DAM grows with it."""

SCALES = (1, 2, 4, 8)
WINDOW, DEVIATION = (11, 11), 1.5
"""SSIM's Gaussian window."""
BRIGHTNESS_STABILITY, CONTRAST_STABILITY = 0.01**2, 0.03**2
"""SSIM's constants for values in [0, 1]."""


def distance(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Perceptual distance of each pixel's surroundings: 0 = alike, about 1 = unlike at every scale.

    The mean of 1 - SSIM (Wang et al. 2004) of the pictures reduced by 1, 2, 4 and 8. The paper measures with LPIPS,
    which needs the weights of another network.

    Args:
        before, after: uint8 (H, W, 3), of one size.

    Returns:
        float32 (H, W).
    """
    size = (before.shape[1], before.shape[0])
    planes = [picture.astype(np.float32) / 255 for picture in (before, after)]
    total = np.zeros(before.shape[:2], np.float32)
    for scale in SCALES:
        reduced = (max(1, size[0] // scale), max(1, size[1] // scale))
        a, b = (cv2.resize(plane, reduced, interpolation=cv2.INTER_AREA) for plane in planes)
        total += cv2.resize((1 - _similarity(a, b)).mean(axis=2), size, interpolation=cv2.INTER_LINEAR)
    return total / len(SCALES)


def _similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """SSIM of each pixel and colour."""

    def mean(plane: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(plane, WINDOW, DEVIATION, borderType=cv2.BORDER_REFLECT)

    mean_a, mean_b = mean(a), mean(b)
    variances = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + BRIGHTNESS_STABILITY) / (mean_a**2 + mean_b**2 + BRIGHTNESS_STABILITY)
    return brightness * (2 * covariance + CONTRAST_STABILITY) / (variances + CONTRAST_STABILITY)


def cam(change_map: np.ndarray, strength: np.ndarray) -> float:
    """Correlation Adherence Metric: Pearson's correlation of the map with the measured strength, over all pixels.

    Both are (H, W), in any unit. 1 = perfect; not a number where one of them has a single value.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(change_map.ravel(), strength.ravel())[0, 1])


def dam(change_map: np.ndarray, strength: np.ndarray) -> float:
    """Distance Adherence Metric: the least Frobenius norm of M - aE + b over all a and b. 0 = perfect.

    Args:
        change_map: M, (H, W) in [0, 1].
        strength: E, (H, W), in any unit.
    """
    design = np.stack([strength.ravel(), np.ones(strength.size)], axis=1).astype(np.float64)
    target = change_map.ravel().astype(np.float64)
    fit, *_ = np.linalg.lstsq(design, target, rcond=None)
    return float(np.linalg.norm(target - design @ fit))
