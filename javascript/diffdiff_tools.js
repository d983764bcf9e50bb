"use strict";

{
    /**
     * Where a pointer is, in continuous map coordinates.
     * @typedef {{x: number, y: number, pressure: number, isPen: boolean, shift: boolean}} Sample
     */

    /**
     * What a tool works on.
     * @typedef {Object} Surface
     * @property {ChangeMap} map
     * @property {Brush} brush
     * @property {Object} settings
     * @property {Paint} paint strength and opacity of the settings as a fill
     * @property {number} pixelSize map pixels per CSS pixel
     * @property {(rect: ?Rect) => void} changed these pixels want to be drawn anew
     * @property {() => void} finish the edit is final
     * @property {() => void} revert takes the running edit back
     * @property {(points: Point[]) => void} guide shows a thin line; none for an empty list
     * @property {() => Uint8ClampedArray} colours RGBA of the picture
     */

    /** Brush and eraser. */
    class StrokeTool {
        #surface;
        #isEraser;

        /** @param {Surface} surface @param {boolean} isEraser */
        constructor(surface, isEraser) {
            this.#surface = surface;
            this.#isEraser = isEraser;
        }

        start(sample) {
            const { size, hardness } = this.#surface.settings;
            const { value, opacity } = this.#surface.paint;
            this.#surface.brush.begin({ value: this.#isEraser ? 0 : value, size, hardness, opacity });
            this.move([sample]);
        }

        move(samples) {
            for (const sample of samples) {
                const pressure = sample.isPen ? { [this.#surface.settings.pen]: sample.pressure } : {};
                this.#surface.changed(this.#surface.brush.lineTo(sample.x, sample.y, pressure));
            }
        }

        end() {
            this.#surface.brush.end();
            this.#surface.finish();
        }

        cancel() {
            this.#surface.brush.end();
            this.#surface.revert();
        }
    }

    /** Whatever is spanned by dragging from one point to another, shown while dragging. */
    class DragTool {
        #surface;
        #draw;
        #constrain;
        #showsLine;
        #from = null;
        #to = null;
        #scheduled = false;

        /**
         * @param {Surface} surface
         * @param {(surface: Surface, from: Point, to: Point) => ?Rect} draw
         * @param {{constrain: (from: Point, to: Point) => Point, showsLine: boolean}} options `constrain` applies while Shift is held
         */
        constructor(surface, draw, { constrain, showsLine }) {
            this.#surface = surface;
            this.#draw = draw;
            this.#constrain = constrain;
            this.#showsLine = showsLine;
        }

        start(sample) {
            this.#from = sample;
            this.#to = null;
        }

        move(samples) {
            const last = samples[samples.length - 1];
            this.#to = last.shift ? this.#constrain(this.#from, last) : last;
            if (this.#showsLine) this.#surface.guide([this.#from, this.#to]);
            if (this.#scheduled) return;
            this.#scheduled = true;
            requestAnimationFrame(() => {
                this.#scheduled = false;
                this.#preview();
            });
        }

        end() {
            this.#preview();
            this.#forget();
            this.#surface.finish();
        }

        cancel() {
            this.#forget();
            this.#surface.revert();
        }

        #preview() {
            if (!this.#to) return;
            this.#surface.revert();
            this.#surface.changed(this.#draw(this.#surface, this.#from, this.#to));
        }

        #forget() {
            this.#to = null;
            this.#surface.guide([]);
        }
    }

    /** Draws an outline by dragging, or corner by corner by clicking, and fills it. */
    class LassoTool {
        static #CLOSE = 8;

        #surface;
        #points = [];
        #pressed = null;
        #isDragging = false;

        /** @param {Surface} surface */
        constructor(surface) {
            this.#surface = surface;
        }

        /** Whether an outline is waiting for its next corner. */
        get isOpen() {
            return this.#points.length > 0;
        }

        start(sample) {
            this.#pressed = sample;
            this.#isDragging = false;
        }

        move(samples) {
            for (const sample of samples) {
                if (!this.#isDragging && this.#isNear(sample, this.#pressed, 3)) continue;
                if (!this.#isDragging) this.#points.push(this.#pressed);
                this.#isDragging = true;
                this.#points.push(sample);
            }
            this.#surface.guide(this.#points);
        }

        end() {
            if (this.#isDragging) return this.close();
            const closes = this.#points.some((corner, i) => {
                const isEnd = i === 0 || i === this.#points.length - 1;
                return isEnd && this.#points.length > 2 && this.#isNear(corner, this.#pressed, LassoTool.#CLOSE);
            });
            if (closes) return this.close();
            this.#points.push(this.#pressed);
            this.#surface.guide(this.#points);
        }

        /** Shows where the next side would go. @param {Sample} sample */
        hover(sample) {
            if (this.isOpen) this.#surface.guide([...this.#points, sample]);
        }

        /** Takes the last corner back. */
        shorten() {
            this.#points.pop();
            this.#surface.guide(this.#points);
        }

        /** Fills what is outlined so far. */
        close() {
            const points = this.#points;
            this.cancel();
            this.#surface.changed(globalThis.diffdiff.fillPolygon(this.#surface.map, points, this.#surface.paint));
            this.#surface.finish();
        }

        cancel() {
            this.#points = [];
            this.#surface.guide([]);
        }

        #isNear(a, b, cssPixels) {
            return Math.hypot(a.x - b.x, a.y - b.y) <= cssPixels * this.#surface.pixelSize;
        }
    }

    /** Fills the region around the point at which the pointer is let go. */
    class FillTool {
        #surface;
        #at = null;

        /** @param {Surface} surface */
        constructor(surface) {
            this.#surface = surface;
        }

        start(sample) {
            this.#at = sample;
        }

        move(samples) {
            this.#at = samples[samples.length - 1];
        }

        end() {
            const { map, paint, settings } = this.#surface;
            const byPicture = settings.fillBy === "picture";
            const likeness = {
                channels: byPicture ? this.#surface.colours() : map.pixels,
                count: byPicture ? 4 : 1,
                tolerance: Math.round(settings.tolerance * 255),
            };
            const { x, y } = this.#at;
            this.#surface.changed(globalThis.diffdiff.floodFill(map, Math.floor(x), Math.floor(y), likeness, paint));
            this.#surface.finish();
        }

        cancel() {}
    }

    function toSquare(from, to) {
        const side = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y));
        return { x: from.x + Math.sign(to.x - from.x) * side, y: from.y + Math.sign(to.y - from.y) * side };
    }

    function toEighthTurn(from, to) {
        const length = Math.hypot(to.x - from.x, to.y - from.y);
        const angle = (Math.round(Math.atan2(to.y - from.y, to.x - from.x) / (Math.PI / 4)) * Math.PI) / 4;
        return { x: from.x + length * Math.cos(angle), y: from.y + length * Math.sin(angle) };
    }

    /** @param {Surface} surface @returns {Object<string, StrokeTool|DragTool|LassoTool|FillTool>} */
    function createTools(surface) {
        const { fillRectangle, fillEllipse, linearGradient, radialGradient } = globalThis.diffdiff;
        const ramp = ({ settings }) => ({
            from: Math.round(255 * settings.strength),
            to: Math.round(255 * settings.end),
            opacity: settings.opacity,
        });
        const shape = (fill) => new DragTool(surface, ({ map, paint }, a, b) => fill(map, a, b, paint), { constrain: toSquare, showsLine: false });
        const gradient = (fill) => new DragTool(surface, (on, a, b) => fill(on.map, a, b, ramp(on)), { constrain: toEighthTurn, showsLine: true });
        return {
            brush: new StrokeTool(surface, false),
            eraser: new StrokeTool(surface, true),
            gradient: gradient(linearGradient),
            radial: gradient(radialGradient),
            rectangle: shape(fillRectangle),
            ellipse: shape(fillEllipse),
            lasso: new LassoTool(surface),
            fill: new FillTool(surface),
        };
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { createTools });
}
