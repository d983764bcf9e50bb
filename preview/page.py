"""`python preview`: the page and the HTTP interface on 127.0.0.1."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from modules import gradio_compat, images, paths, script_callbacks, scripts, sd_models, shared, ui
from modules.api.api import Api
from modules.progress import setup_progress_api

ASSETS = paths.PREVIEW / "assets"


def serve(options: argparse.Namespace, listener: socket.socket) -> None:
    """Serves on `listener`, which is bound, until Ctrl+C."""
    try:
        sd_models.load_model(options.model, options.refiner, options.refiner_at)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    scripts.load_scripts()
    app = create_app(opens_with_example=not options.no_example)
    listener.listen()  # whoever reads the address may connect at once
    address = "http://{}:{}".format(*listener.getsockname())
    print(f"The page is at {address}  (Ctrl+C ends it)", flush=True)
    if not options.no_browser:
        threading.Timer(1, webbrowser.open, [address]).start()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    server.run(sockets=[listener])
    script_callbacks.script_unloaded_callback()


def create_app(opens_with_example: bool = True) -> FastAPI:
    """API, static files and page in one app."""
    gradio_compat.accept_underscore_js()
    scripts.scripts_txt2img.initialize_scripts(is_img2img=False)
    scripts.scripts_img2img.initialize_scripts(is_img2img=True)
    app = FastAPI(title="Differential Diffusion preview")
    shows_result = opens_with_example and shared.sd_model.path == paths.DEMO_MODEL  # which made it
    demo = ui.create_ui(images.read(str(ASSETS / "sample_result.png")) if shows_result else None)
    Api(app)
    setup_progress_api(app)
    app.mount("/preview-assets", StaticFiles(directory=ASSETS))
    app.mount("/extension/javascript", StaticFiles(directory=paths.EXTENSION / "javascript", check_dir=False))
    app.add_api_route("/extension/style.css", _extension_style, methods=["GET"])
    _add_to_head(_head() + ("\n<meta name='preview-example' content='open'>" if opens_with_example else ""))
    script_callbacks.app_started_callback(demo, app)  # before the page, which takes every address that is left
    return gr.mount_gradio_app(app, demo, path="/")


def _extension_style() -> Any:
    from fastapi.responses import FileResponse

    return FileResponse(paths.EXTENSION / "style.css")


def _head() -> str:
    """Scripts and styles, the host's before the extension's, with their time of change against stale caches."""

    def url(base: str, path: Path) -> str:
        return f"{base}/{path.name}?{path.stat().st_mtime_ns}"

    files = [url("/preview-assets", ASSETS / name) for name in ("page.js", "accordion.js", "mask_canvas.js")]
    files += [url("/extension/javascript", path) for path in sorted((paths.EXTENSION / "javascript").glob("*.js"))]
    styles = [url("/preview-assets", ASSETS / "page.css")]
    if (paths.EXTENSION / "style.css").exists():
        styles.append(url("/extension", paths.EXTENSION / "style.css"))
    lines = [f'<script type="text/javascript" src="{file}"></script>' for file in files]
    lines += [f'<link rel="stylesheet" property="stylesheet" href="{style}">' for style in styles]
    return "\n".join(lines)


def _add_to_head(html: str) -> None:
    """Both gradio versions render their page from a template; neither lets plain script tags in otherwise."""
    templates = gr.routes.templates
    render = templates.TemplateResponse

    def render_with_head(*args: Any, **kwargs: Any) -> Any:
        response = render(*args, **kwargs)
        response.body = response.body.replace(b"</head>", f"{html}</head>".encode())
        response.init_headers()
        return response

    templates.TemplateResponse = render_with_head
