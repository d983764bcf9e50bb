"""A small web server for the painter's own page, and a driver that uses the painter as a hand does."""

import base64
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
from PIL import Image

from differential_diffusion import change_map

ROOT = Path(__file__).parent.parent

NOISE = """
    const read = CanvasRenderingContext2D.prototype.getImageData;
    CanvasRenderingContext2D.prototype.getImageData = function (...args) {
        const image = read.apply(this, args);
        for (let i = 0; i < image.data.length; i++) image.data[i] ^= 1;
        return image;
    };
"""
"""Flips the lowest bit of every value read back from a canvas, as privacy settings of some browsers do at random."""

FRAMES = """async (count) => {
    for (let i = 0; i < count; i++) await new Promise(requestAnimationFrame);
}"""
"""Waits until the page has drawn that often."""

PAGES = {"/": "painter_page.html", "/panel": "panel_page.html"}


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        name = PAGES.get(self.path.split("?")[0])
        if name is None:
            super().do_GET()
            return
        scripts = sorted((ROOT / "javascript").glob("*.js"))
        tags = "".join(f'<script src="/javascript/{script.name}"></script>\n' for script in scripts)
        page = (ROOT / "tests" / name).read_text().replace("<!-- extension scripts -->", tags).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def do_POST(self) -> None:
        """What the WebUI answers to the painter: `differential_diffusion.host.uploads`, without the WebUI."""
        file = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            status, kind, body = 200, "image/png", change_map.encode(change_map.read(file))
        except change_map.BadMap as error:
            status, kind, body = 422, "application/json", json.dumps({"detail": str(error)}).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def serve() -> Iterator[str]:
    """Serve the painter's page on a free port of 127.0.0.1.

    Yields:
        The page's address.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=ROOT))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def photo(width: int, height: int) -> Image.Image:
    """A picture whose every region has a colour of its own."""
    y, x = np.mgrid[0:height, 0:width]
    red = 127 + 80 * np.sin(x / 37) + 40 * np.cos(y / 23)
    green = 127 + 90 * np.sin(y / 51)
    blue = 127 + 90 * np.cos((x + y) / 71)
    return Image.fromarray(np.stack([red, green, blue], -1).clip(0, 255).astype(np.uint8))


def middles(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of every pixel's middle."""
    y, x = np.mgrid[0:height, 0:width]
    return x + 0.5, y + 0.5


def distance_to_segment(x: np.ndarray, y: np.ndarray, a: tuple[float, float], b: tuple[float, float]) -> np.ndarray:
    """Distance of every point (x, y) to the line between a and b."""
    ax, ay = a
    dx, dy = b[0] - ax, b[1] - ay
    along = ((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-9)
    nearest = np.clip(along, 0, 1)
    return np.hypot(x - ax - nearest * dx, y - ay - nearest * dy)


def data_url(picture: Image.Image, form: str = "PNG", **options: object) -> str:
    """Encode a picture as a data URL."""
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def decode_map(url: str) -> np.ndarray:
    """Decode the hidden field's value.

    Returns:
        The map, uint8 of (height, width).
    """
    head, _, body = url.partition(",")
    assert head == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(body)))
    assert picture.mode == "L"
    return np.asarray(picture)


def stroke_on_host_canvas(page, block: str, start: float, end: float, height: float) -> None:
    """A level stroke on the WebUI's own canvas in the block of that id, in shares of its size.

    The canvases follow the pointer from frame to frame, some with a delay: each move waits for a frame, however long a
    busy machine takes for it, and the end of the stroke for several.
    """
    canvas = page.locator(f"#{block} canvas:visible").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    y = box["y"] + box["height"] * height
    for _ in range(2):  # gradio 3's canvas takes its first stroke for the wish to begin
        page.mouse.move(box["x"] + box["width"] * start, y)
        page.mouse.down()
        page.wait_for_timeout(200)
        for share in np.linspace(start, end, 12):
            page.mouse.move(box["x"] + box["width"] * share, y)
            page.evaluate(FRAMES, 1)
        page.evaluate(FRAMES, 10)
        page.mouse.up()
        page.wait_for_timeout(1500)


class PainterDriver:
    """Uses the painter through real pointer and keyboard events, in the picture's own pixel coordinates."""

    def __init__(self, page) -> None:
        self.page = page
        self.root = page.locator("#diffdiff_painter")
        self.canvas = self.root.locator("canvas").first

    def wait(self) -> None:
        """Wait until the painter shows a picture."""
        self.canvas.wait_for(state="visible")

    def client(self, x: float, y: float) -> tuple[float, float]:
        """Client coordinates of a picture point, valid while the whole picture is shown."""
        box = self.canvas.bounding_box()
        width, height = self.size()
        return box["x"] + x / width * box["width"], box["y"] + y / height * box["height"]

    def size(self) -> tuple[int, int]:
        """Width and height of the picture that the painter shows."""
        width, height = self.root.locator(".diffdiff-readout").inner_text().removesuffix(" px").split(" × ")
        return int(width), int(height)

    def press(self, name: str) -> None:
        """Click a button by its accessible name."""
        self.root.get_by_role("button", name=name, exact=True).click()

    def set(self, **values: float) -> None:
        """Set sliders by their accessible names, written with underscores for spaces."""
        for name, value in values.items():
            self.root.get_by_role("slider", name=name.replace("_", " "), exact=True).fill(str(value))

    def drag(self, *points: tuple[float, float], steps: int = 8) -> None:
        """Press the mouse at the first picture point, move through the others, let go at the last."""
        self.page.mouse.move(0, 0)
        at = [self.client(*point) for point in points]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for point in at[1:]:
            self.page.mouse.move(*point, steps=steps)
        self.page.mouse.up()
        self.page.mouse.move(0, 0)

    def click(self, x: float, y: float) -> None:
        """Click a picture point."""
        self.drag((x, y))

    def sent(self) -> str:
        """What the hidden field holds, once it has settled: a data URL, or nothing."""
        self.page.wait_for_timeout(500)
        return self.page.locator("#diffdiff_map textarea, #diffdiff_map input").first.input_value()

    def received(self) -> np.ndarray:
        """The map in the hidden field, once there is one and it has settled."""
        self.page.wait_for_function("document.querySelector('#diffdiff_map :is(textarea, input)').value")
        return decode_map(self.sent())

    def give(self, file: bytes, name: str = "map.png", kind: str = "image/png") -> None:
        """Choose a file as the map, as in the dialog of the painter's own button."""
        files = self.root.locator("input[type=file]")
        files.set_input_files({"name": name, "mimeType": kind, "buffer": file})

    def hears(self, words: str) -> None:
        """Wait until the painter says that, among other things."""
        self.root.get_by_role("status").filter(has_text=words).wait_for()

    def notice(self) -> str:
        """What the painter says, and the names of its buttons."""
        said = self.root.get_by_role("status")
        return said.inner_text().replace("\n", " ") if said.is_visible() else ""

    def least_contrast(self) -> float:
        """The lowest contrast between a visible text or icon of the painter and what is behind it (WCAG 2, 1 to 21)."""
        pairs = self.page.evaluate("""() => {
            const behind = (node) => {
                if (!node) return "rgb(255, 255, 255)";
                const { backgroundColor, backgroundImage } = getComputedStyle(node);
                if (backgroundImage !== "none") return backgroundImage;
                return backgroundColor === "rgba(0, 0, 0, 0)" ? behind(node.parentElement) : backgroundColor;
            };
            const texts = "button, select, label, span, .diffdiff-readout";
            return [...document.querySelectorAll(`.diffdiff-painter :is(${texts})`)]
                .filter((node) => node.getClientRects().length)
                .map((node) => [getComputedStyle(node).color, behind(node)]);
        }""")
        contrasts = []
        for text, ground in pairs:
            front = _luminance(text)
            contrasts += [_contrast(front, _luminance(colour)) for colour in re.findall(r"rgba?\([^)]*\)", ground)]
        return min(contrasts)


def _luminance(colour: str) -> float:
    channels = np.array([float(part) for part in re.findall(r"[\d.]+", colour)[:3]]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _contrast(a: float, b: float) -> float:
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)
