"""How long the tests wait. `--patience 4` makes every limit four times as long, for a slow machine or a slow WebUI.

What a test waits for is a condition; these limits only say when it is given up.
"""

factor = 1.0


def seconds(limit: float) -> float:
    return limit * factor


def milliseconds(limit: float) -> float:
    return 1000 * seconds(limit)
