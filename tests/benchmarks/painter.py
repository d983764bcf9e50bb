"""What painting costs in a real browser: per stroke point, per stroke in memory, and to hand the map to Python."""

import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))
from painter_harness import PainterDriver, data_url, serve

POINTS = 300
STROKES = 200
LIMITS_MS = {2048: 4, 4096: 10}

# Everything that the page does for a pointer move: its handlers, and the drawing that they ask for at the next frame.
STOPWATCH = """() => {
    window.costs = [];
    let running = 0;
    addEventListener("pointermove", (event) => {
        running = performance.now();
        window.merged = Math.max(1, event.getCoalescedEvents().length);
    }, true);
    addEventListener("pointermove", () => {
        window.costs.push({ ms: performance.now() - running, points: window.merged });
    });
    const request = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (callback) => request((time) => {
        const start = performance.now();
        callback(time);
        if (window.costs.length) window.costs.at(-1).ms += performance.now() - start;
    });
    addEventListener("pointerup", () => { window.released = performance.now(); }, true);
}"""


def run(quick: bool) -> None:
    """Print a table of the painter's costs.

    Args:
        quick: fewer points and strokes.
    """
    points, strokes = (POINTS // 5, STROKES // 10) if quick else (POINTS, STROKES)
    print("| picture | brush | ms a point, median | 95% | allowed | ms to Python |")
    print("|---|---|---|---|---|---|")
    memory = []
    with serve() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for side, allowed in LIMITS_MS.items():
            page = browser.new_page(viewport={"width": 1000, "height": 1200})
            page.goto(address)
            painter = _open(page, side)
            page.evaluate(STOPWATCH)
            for brush in (side // 16, side // 4):
                painter.set(Strength=1, Size=brush, Hardness=0.3, Opacity=1)
                costs = _stroke(painter, side, points)
                to_python = page.evaluate("received.at(-1).at - released")
                print(
                    f"| {side} x {side} | {brush} px | {np.median(costs):.2f} | {np.percentile(costs, 95):.2f} "
                    f"| {allowed} | {to_python:.0f} |",
                    flush=True,
                )
            first = _memory(page)
            _strokes(painter, side, strokes // 2)
            half = _memory(page)
            _strokes(painter, side, strokes - strokes // 2)
            memory.append(f"| {side} x {side} | {first:.0f} | {half:.0f} | {_memory(page):.0f} |")
            page.close()
        browser.close()
    print(f"\n| picture | MiB after 2 strokes | after {strokes // 2} more | after {strokes} more |")
    print("|---|---|---|---|", *memory, sep="\n")


def _open(page: Page, side: int) -> PainterDriver:
    ramp = np.add.outer(np.arange(side), np.arange(side)) // (side // 128)
    picture = Image.fromarray(ramp.astype(np.uint8)).convert("RGB")
    page.evaluate("source => setPicture('img2img_image', source)", data_url(picture, "JPEG"))
    painter = PainterDriver(page)
    painter.wait()
    page.wait_for_timeout(1000)
    return painter


def _stroke(painter: PainterDriver, side: int, points: int) -> list[float]:
    """Milliseconds for each of the points of one stroke around the picture's middle."""
    page = painter.page
    middle = painter.client(side / 2, side / 2)
    radius = painter.client(side * 0.8, side / 2)[0] - middle[0]
    angles = np.linspace(0, 6 * np.pi, points)
    page.evaluate("costs.length = 0")
    page.mouse.move(middle[0] + radius, middle[1])
    page.mouse.down()
    for angle in angles:
        page.mouse.move(middle[0] + radius * np.cos(angle), middle[1] + radius * np.sin(angle))
    page.mouse.up()
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)
    costs = page.evaluate("costs")
    return [cost["ms"] / cost["points"] for cost in costs[1:] for _ in range(cost["points"])]


def _strokes(painter: PainterDriver, side: int, count: int) -> None:
    page = painter.page
    top, bottom = painter.client(side / 2, side * 0.1), painter.client(side / 2, side * 0.9)
    for i in range(count):
        x = top[0] + 300 * np.sin(i)
        page.mouse.move(x, top[1])
        page.mouse.down()
        page.mouse.move(top[0] - 300 * np.sin(2 * i), bottom[1], steps=4)
        page.mouse.up()
    page.mouse.move(0, 0)
    page.wait_for_timeout(2000)


def _memory(page: Page) -> float:
    """MiB of the page's JavaScript, its byte arrays included."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    session.detach()
    return (usage["usedSize"] + usage["backingStorageSize"]) / 2**20


if __name__ == "__main__":
    run(quick="--quick" in sys.argv)
