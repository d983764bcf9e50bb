"use strict";

{
    const MAX_SCALE = 64;
    const CONTOUR_BANDS = 10;
    /** The heat map's colours come in from clear up to this value, so that soft rims look soft. */
    const HEAT_OPAQUE_FROM = 64;

    /** Colours of low to high strength. */
    const HEAT = [
        [40, 60, 200],
        [20, 170, 215],
        [70, 205, 95],
        [245, 215, 55],
        [225, 50, 40],
    ];

    const rgba = (r, g, b, a) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;

    function heat(value, alpha = 255) {
        const position = (value / 255) * (HEAT.length - 1);
        const lower = Math.min(Math.floor(position), HEAT.length - 2);
        const mix = (channel) => Math.round(HEAT[lower][channel] + (position - lower) * (HEAT[lower + 1][channel] - HEAT[lower][channel]));
        return rgba(mix(0), mix(1), mix(2), alpha);
    }

    /** @param {"heat"|"grey"|"contours"} name of a palette @returns {string} its colours from low to high, as a CSS background */
    function gradient(name) {
        const colours = name === "grey" ? [[0, 0, 0], [255, 255, 255]] : HEAT;
        return `linear-gradient(to right, ${colours.map((colour) => `rgb(${colour})`)})`;
    }

    /** Stripes of two brightnesses, in screen pixels: one colour alone would vanish over a picture of that colour. */
    const STRIPE = 6;
    const STRIPE_SHADE = 0.72;

    function shaded(palette) {
        const part = (colour, shift) => Math.round(((colour >>> shift) & 255) * STRIPE_SHADE);
        return palette.map((colour) => rgba(part(colour, 0), part(colour, 8), part(colour, 16), colour >>> 24));
    }

    /** The overlay's colour for each value of the map, by the name of the choice. */
    const PALETTES = {
        heat: Uint32Array.from({ length: 256 }, (_, v) => heat(v, Math.min(255, Math.round((255 * v) / HEAT_OPAQUE_FROM)))),
        grey: Uint32Array.from({ length: 256 }, (_, v) => rgba(v, v, v, 255)),
        contours: Uint32Array.from({ length: 256 }, (_, v) => heat(v)),
    };

    const SHADED = { ...PALETTES, heat: shaded(PALETTES.heat) };

    const BAND = Uint8Array.from({ length: 256 }, (_, v) => Math.ceil((v * CONTOUR_BANDS) / 255));

    /**
     * Shows the picture with the map over it, in as many pixels as the screen has: the cost of a change depends on the
     * size of what is seen, not on the size of the map. The canvases always cover exactly the visible part of the
     * picture, so that the picture is never surrounded by empty canvas.
     */
    class MapView {
        #stage;
        #pictureCanvas;
        #overlayCanvas;
        #frame = null;
        #picture = null;
        #map = null;
        #palette = "heat";
        #roomHeight = 0;
        /** Size in pixels of the picture; the map is stretched over it. */
        #width = 1;
        #height = 1;
        /** CSS pixels per picture pixel, and the picture's point at the canvases' left top corner. */
        #scale = 1;
        #left = 0;
        #top = 0;
        #fitted = true;
        #dirty = null;
        #scheduled = false;

        /**
         * @param {HTMLElement} stage the element that the canvases live in
         * @param {() => void} onMoved called when zoom, pan or size changed where things are seen
         */
        constructor(stage, onMoved) {
            this.#stage = stage;
            this.onMoved = onMoved;
            this.#pictureCanvas = document.createElement("canvas");
            this.#overlayCanvas = document.createElement("canvas");
            stage.append(this.#pictureCanvas, this.#overlayCanvas);
        }

        /** CSS pixels per picture pixel. */
        get scale() {
            return this.#scale;
        }

        get isFitted() {
            return this.#fitted;
        }

        /** @param {number} opacity 0..1 */
        set opacity(opacity) {
            this.#overlayCanvas.style.opacity = opacity;
        }

        /** @param {"heat"|"grey"|"contours"} name */
        set palette(name) {
            this.#palette = name;
            this.invalidate();
        }

        /**
         * @param {HTMLImageElement} picture
         * @param {ChangeMap} map of any size; it is shown stretched over the picture
         */
        show(picture, map) {
            if (picture === this.#picture && map === this.#map) return this.invalidate();
            const sameSize = picture.naturalWidth === this.#width && picture.naturalHeight === this.#height;
            this.#picture = picture;
            this.#width = picture.naturalWidth;
            this.#height = picture.naturalHeight;
            this.#map = map;
            if (sameSize) this.#place(this.#scale, this.#left, this.#top);
            else this.fit();
        }

        /** @param {number} height CSS pixels that the stage may take; its width is its own */
        setRoom(height) {
            this.#roomHeight = height;
            if (this.#fitted) this.fit();
            else this.#place(this.#scale, this.#left, this.#top);
        }

        /** Shows the whole picture. */
        fit() {
            if (!this.#picture) return;
            this.#place(0, 0, 0);
        }

        /** Magnifies by `factor` so that what is under the client point stays there. */
        zoomAt(clientX, clientY, factor) {
            this.place(this.toPicture(clientX, clientY), clientX, clientY, this.#scale * factor);
        }

        /**
         * Brings a picture point under a client point, as far as the picture then still fills the canvases.
         * @param {Point} point picture coordinates
         * @param {number} clientX
         * @param {number} clientY
         * @param {number} wanted CSS pixels per picture pixel
         */
        place({ x, y }, clientX, clientY, wanted) {
            if (!this.#picture) return;
            const fit = this.#fitScale();
            const scale = Math.max(fit, Math.min(Math.max(MAX_SCALE, fit), wanted));
            const stage = this.#stage.getBoundingClientRect();
            const { clientLeft, clientTop, clientWidth } = this.#stage;
            const edgeX = stage.left + clientLeft + (clientWidth - Math.min(clientWidth, this.#width * scale)) / 2;
            const edgeY = stage.top + clientTop + (this.#roomHeight - Math.min(this.#roomHeight, this.#height * scale)) / 2;
            this.#place(scale, x - (clientX - edgeX) / scale, y - (clientY - edgeY) / scale);
        }

        /** Magnifies about the middle of what is seen. */
        zoomBy(factor) {
            const box = this.#pictureCanvas.getBoundingClientRect();
            this.zoomAt(box.left + box.width / 2, box.top + box.height / 2, factor);
        }

        /** Moves the picture by CSS pixels. */
        panBy(dx, dy) {
            this.#place(this.#scale, this.#left - dx / this.#scale, this.#top - dy / this.#scale);
        }

        /** @returns {Point} the continuous picture coordinate under a client point, possibly outside the picture */
        toPicture(clientX, clientY) {
            const box = this.#pictureCanvas.getBoundingClientRect();
            const seen = this.#seen();
            return {
                x: this.#left + ((clientX - box.left) / box.width) * seen.width,
                y: this.#top + ((clientY - box.top) / box.height) * seen.height,
            };
        }

        /** @returns {Point} CSS pixels from the stage's left top corner */
        toStage({ x, y }) {
            const box = this.#pictureCanvas.getBoundingClientRect();
            const stage = this.#stage.getBoundingClientRect();
            return {
                x: box.left - stage.left - this.#stage.clientLeft + (x - this.#left) * this.#scale,
                y: box.top - stage.top - this.#stage.clientTop + (y - this.#top) * this.#scale,
            };
        }

        /** @param {?Rect} rect map pixels to draw anew at the next frame; by default all */
        invalidate(rect = this.#map?.bounds) {
            if (!rect) return;
            this.#dirty = globalThis.diffdiff.union(this.#dirty, rect);
            if (this.#scheduled) return;
            this.#scheduled = true;
            requestAnimationFrame(() => {
                this.#scheduled = false;
                const dirty = this.#dirty;
                this.#dirty = null;
                if (dirty && this.#frame) this.#drawOverlay(dirty);
            });
        }

        #fitScale() {
            return Math.min(this.#stage.clientWidth / this.#width, this.#roomHeight / this.#height);
        }

        /** The visible part's size in picture pixels. */
        #seen() {
            return {
                width: Math.min(this.#width, this.#stage.clientWidth / this.#scale),
                height: Math.min(this.#height, this.#roomHeight / this.#scale),
            };
        }

        #place(scale, left, top) {
            if (!this.#picture || !this.#stage.clientWidth || !this.#roomHeight) return;
            const fit = this.#fitScale();
            this.#fitted = scale <= fit * 1.0001;
            this.#scale = this.#fitted ? fit : scale;
            const seen = this.#seen();
            this.#left = Math.max(0, Math.min(this.#width - seen.width, left));
            this.#top = Math.max(0, Math.min(this.#height - seen.height, top));
            this.#resize(seen.width * this.#scale, seen.height * this.#scale);
            this.#drawPicture();
            this.invalidate();
            this.onMoved();
        }

        #resize(cssWidth, cssHeight) {
            const width = Math.max(1, Math.round(cssWidth * devicePixelRatio));
            const height = Math.max(1, Math.round(cssHeight * devicePixelRatio));
            for (const canvas of [this.#pictureCanvas, this.#overlayCanvas]) {
                canvas.style.width = `${cssWidth}px`;
                canvas.style.height = `${cssHeight}px`;
                if (canvas.width !== width) canvas.width = width;
                if (canvas.height !== height) canvas.height = height;
            }
            if (this.#frame?.width !== width || this.#frame?.height !== height) this.#frame = new ImageData(width, height);
        }

        #drawPicture() {
            const { width, height } = this.#pictureCanvas;
            const seen = this.#seen();
            const context = this.#pictureCanvas.getContext("2d");
            context.imageSmoothingEnabled = this.#scale < 3;
            context.imageSmoothingQuality = "medium";
            context.clearRect(0, 0, width, height);
            context.drawImage(this.#picture, this.#left, this.#top, seen.width, seen.height, 0, 0, width, height);
        }

        #drawOverlay(rect) {
            const frame = this.#frame;
            const seen = this.#seen();
            const across = this.#map.width / this.#width;
            const down = this.#map.height / this.#height;
            const left = this.#left * across;
            const top = this.#top * down;
            const perX = (seen.width * across) / frame.width;
            const perY = (seen.height * down) / frame.height;
            const thickness = this.#palette === "contours" ? Math.max(2, Math.round(2 * devicePixelRatio)) : 0;
            const x0 = Math.max(0, Math.floor((rect.x - left) / perX) - 1 - thickness);
            const y0 = Math.max(0, Math.floor((rect.y - top) / perY) - 1 - thickness);
            const x1 = Math.min(frame.width, Math.ceil((rect.x + rect.width - left) / perX) + 1);
            const y1 = Math.min(frame.height, Math.ceil((rect.y + rect.height - top) / perY) + 1);
            if (!(x0 < x1 && y0 < y1)) return; // a hidden view has no size, and no numbers come of it
            const columnAt = (x) => Math.min(this.#map.width - 1, Math.floor(left + (Math.min(frame.width - 1, x) + 0.5) * perX));
            const rowAt = (y) => this.#map.width * Math.min(this.#map.height - 1, Math.floor(top + (Math.min(frame.height - 1, y) + 0.5) * perY));
            const columns = Uint32Array.from({ length: x1 - x0 + thickness }, (_, i) => columnAt(x0 + i));
            const draw = thickness ? contourRow : paletteRow;
            const out = new Uint32Array(frame.data.buffer);
            for (let y = y0; y < y1; y++) {
                const palettes = [PALETTES[this.#palette], SHADED[this.#palette]];
                const stripe = Math.floor(STRIPE * devicePixelRatio);
                draw(out, y * frame.width + x0, x1 - x0, columns, this.#map.pixels, rowAt(y), rowAt(y + thickness), thickness, palettes, x0 + y, stripe);
            }
            this.#overlayCanvas.getContext("2d").putImageData(frame, 0, 0, x0, y0, x1 - x0, y1 - y0);
        }
    }

    function paletteRow(out, start, count, columns, pixels, row, _below, _thickness, palettes, diagonal, stripe) {
        for (let i = 0; i < count; i++) {
            const palette = palettes[Math.floor((diagonal + i) / stripe) & 1];
            out[start + i] = palette[pixels[row + columns[i]]];
        }
    }

    /** A line where a band of strengths meets another, in the colour of the higher. */
    function contourRow(out, start, count, columns, pixels, row, below, thickness, [palette]) {
        for (let i = 0; i < count; i++) {
            const here = pixels[row + columns[i]];
            const right = pixels[row + columns[i + thickness]];
            const under = pixels[below + columns[i]];
            const meets = BAND[here] !== BAND[right] || BAND[here] !== BAND[under];
            out[start + i] = meets ? palette[Math.max(here, right, under)] : 0;
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { MapView, gradient });
}
