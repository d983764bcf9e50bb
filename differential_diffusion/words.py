"""What the panel calls each setting, and what it says about it in a line. Errors on the page use the same names.

Labels are keys of the host's ui-config.json: each stands once, and stays what it is.
"""

from __future__ import annotations

LABELS = {
    "source": "Where the strength comes from",
    "map": "Change map",
    "polarity": "In a map's file",
    "softness": "Softness (pixels)",
    "softness_side": "Soften",
    "minimum": "Least strength outside the mask",
    "keep_exact": "Keep unchanged pixels exact",
    "show_change": "Show what changed",
    "black": "Black",
    "white": "White",
    "gamma": "Gamma",
    "auto": "Made from",
    "auto_prompt": "What to look for",
    "auto_against": "Compared with",
    "equalise": "Spread the greys evenly",
    "auto_part": "What shall change",
    "fan_strengths": "Or these strengths",
    "fan_count": "How many",
    "fan_from": "From",
    "fan_to": "To",
    "fan_axis": "Fan out in",
}
"""Key -> label."""

INFO = {
    "source": "Painted below or a file's, the Inpaint tabs' mask, or made for each picture.",
    "polarity": "What white means in a file. What is painted keeps its meaning.",
    "softness": "Blurs the border of what changes, as Mask blur does: at 8 it fades over 32 pixels. 0 leaves it hard.",
    "softness_side": "Where the soft border may reach, seen from what changes.",
    "minimum": "How much all the rest may change, as a share of Denoising strength.",
    "keep_exact": "What may not change comes out bit by bit as it went in; what hardly changes keeps its texture.",
    "show_change": "Adds a heat map of what really changed.",
    "black": "What is darker changes nothing.",
    "white": "What is brighter has full strength.",
    "gamma": "Above 1 weakens the middle, below 1 strengthens it.",
    "auto": "What your model finds, the picture's own light, colour or detail, or a preprocessor's answer.",
    "auto_prompt": "The picture in words, with what shall change. Empty: the prompt above.",
    "auto_against": "The same without it, or with what is there instead, such as: summer. Empty finds less.",
    "equalise": "Each grey covers as much of the picture as any other: one depth map gives many change maps.",
    "auto_part": "High: what was found, what is bright or near. Low: the rest. Middle: what lies in between.",
    "fan_strengths": "2 to 10 numbers from 0 to 1. Empty: the steps above.",
    "fan_count": "Columns or rows.",
    "fan_from": "Denoising strength of the first.",
    "fan_to": "Denoising strength of the last.",
    "fan_axis": "Rows suit what is tall, and maps that fade from left to right.",
}
"""Key -> what it does."""
