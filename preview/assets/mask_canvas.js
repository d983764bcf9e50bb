"use strict";
/* Painting an inpaint mask under gradio 4, whose own editor needs WebGL. A canvas of the picture's size lies over the
   shown picture; its strokes go, white on black, into the hidden field that Python reads. */

const MASK_PICTURE = "img2maskimg";
const MASK_FIELD = "img2maskimg_mask";

class MaskCanvas {
    #field;
    #picture = null;
    #canvas = document.createElement("canvas");
    #brush = document.createElement("input");
    #last = null;

    constructor(box, field) {
        this.#field = field;
        this.#canvas.setAttribute("key", "mask"); // as gradio 3 marks its own
        this.#canvas.className = "preview-mask-canvas";
        this.#canvas.addEventListener("pointerdown", (event) => this.#start(event));
        this.#canvas.addEventListener("pointermove", (event) => this.#last && this.#stroke(event));
        for (const end of ["pointerup", "pointercancel"]) {
            this.#canvas.addEventListener(end, () => this.#finish());
        }
        Object.assign(this.#brush, { type: "range", min: 1, max: 100, value: 20 });
        this.#brush.setAttribute("aria-label", "brush size");
        const clear = document.createElement("button");
        clear.textContent = "Clear mask";
        clear.addEventListener("click", () => this.#clear());
        const tools = document.createElement("div");
        tools.className = "preview-mask-tools";
        tools.append("Brush ", this.#brush, clear);
        box.after(tools);
        new MutationObserver(() => this.#follow(box)).observe(box, {
            attributes: true,
            attributeFilter: ["src"],
            childList: true,
            subtree: true,
        });
        new ResizeObserver(() => this.#place()).observe(box);
    }

    /** Starts anew on another picture; puts the canvas back where gradio took it out with the rest. */
    async #follow(box) {
        const picture = box.querySelector("img");
        if (picture === this.#picture && picture?.src === this.#canvas.dataset.src) {
            return;
        }
        this.#picture = picture;
        this.#canvas.dataset.src = picture?.src ?? "";
        this.#canvas.remove();
        if (this.#field.value) {
            this.#send("");
        }
        if (picture) {
            await picture.decode().catch(() => {});
            this.#canvas.width = picture.naturalWidth;
            this.#canvas.height = picture.naturalHeight;
            picture.parentElement.style.position = "relative";
            picture.after(this.#canvas);
            this.#place();
        }
    }

    /** Lays the canvas over the picture, which is fitted into its element. */
    #place() {
        if (!this.#picture?.naturalWidth) {
            return;
        }
        const { naturalWidth, naturalHeight, clientWidth, clientHeight, offsetLeft, offsetTop } = this.#picture;
        const grows = getComputedStyle(this.#picture).objectFit !== "scale-down";
        const scale = Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight, grows ? Infinity : 1);
        const [width, height] = [naturalWidth * scale, naturalHeight * scale];
        Object.assign(this.#canvas.style, {
            left: `${offsetLeft + (clientWidth - width) / 2}px`,
            top: `${offsetTop + (clientHeight - height) / 2}px`,
            width: `${width}px`,
            height: `${height}px`,
        });
    }

    #start(event) {
        this.#canvas.setPointerCapture(event.pointerId);
        this.#last = this.#at(event);
        this.#stroke(event);
        event.preventDefault();
    }

    #stroke(event) {
        const context = this.#canvas.getContext("2d");
        const to = this.#at(event);
        const scale = this.#canvas.width / this.#canvas.getBoundingClientRect().width;
        Object.assign(context, { strokeStyle: "white", lineCap: "round", lineWidth: this.#brush.value * 2 * scale });
        context.beginPath();
        context.moveTo(this.#last.x, this.#last.y);
        context.lineTo(to.x, to.y);
        context.stroke();
        this.#last = to;
    }

    #finish() {
        this.#last = null;
        const { width, height } = this.#canvas;
        const mask = Object.assign(document.createElement("canvas"), { width, height });
        const context = mask.getContext("2d");
        context.fillRect(0, 0, width, height);
        context.drawImage(this.#canvas, 0, 0);
        this.#send(mask.toDataURL("image/png"));
    }

    #clear() {
        this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
        this.#send("");
    }

    #at(event) {
        const box = this.#canvas.getBoundingClientRect();
        return {
            x: ((event.clientX - box.left) * this.#canvas.width) / box.width,
            y: ((event.clientY - box.top) * this.#canvas.height) / box.height,
        };
    }

    #send(mask) {
        this.#field.value = mask;
        updateInput(this.#field);
    }
}

onUiLoaded(() => {
    const field = gradioApp().querySelector(`#${MASK_FIELD} textarea`);
    if (field) {
        new MaskCanvas(gradioApp().querySelector(`#${MASK_PICTURE}`), field);
    }
});
