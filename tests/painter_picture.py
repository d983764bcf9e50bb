"""Makes the README's picture of the painter on the preview's page: `python tests/painter_picture.py URL FILE`."""

import shutil
import sys

from painter_harness import ROOT, PainterDriver
from playwright.sync_api import sync_playwright


def main(address: str, file: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1200})
        page.goto(f"{address}?__theme=light")
        page.locator("#img2img_generate").wait_for(state="visible")
        page.locator("#img2img_image input[type=file]").first.set_input_files(
            ROOT / "preview" / "assets" / "sample.png"
        )
        page.locator("#diffdiff > .label-wrap").first.click()
        painter = PainterDriver(page)
        painter.root = page.locator("#diffdiff_painter").first
        painter.canvas = painter.root.locator("canvas").first
        painter.wait()
        painter.canvas.scroll_into_view_if_needed()
        width, height = painter.size()
        painter.press("Gradient")
        painter.set(Strength=0.9, Second_strength=0)
        painter.drag((width / 2, 0), (width / 2, height * 0.55))
        painter.press("Brush")
        painter.set(Strength=0.6, Size=height // 5, Hardness=0.3)
        painter.drag((width * 0.1, height * 0.85), (width * 0.45, height * 0.75), (width * 0.8, height * 0.9))
        page.mouse.move(*painter.client(width * 0.8, height * 0.9))
        page.wait_for_timeout(500)
        painter.root.screenshot(path=file)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
