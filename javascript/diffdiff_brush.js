"use strict";

{
    const FALLOFF_STEPS = 4096;

    /**
     * How much of the brush's strength reaches a pixel, by its squared distance from the stroke's middle line in
     * squared radii: all of it up to `hardness` radii, from there falling smoothly to none at the rim.
     * @param {number} hardness 0..1
     * @param {number} opacity 0..1
     * @returns {Float32Array} coverage 0..255 at (distance / radius)^2 = i / FALLOFF_STEPS
     */
    function falloff(hardness, opacity) {
        return Float32Array.from({ length: FALLOFF_STEPS + 1 }, (_, i) => {
            const distance = Math.sqrt(i / FALLOFF_STEPS);
            if (distance <= hardness || hardness >= 1) return 255 * opacity;
            const t = (distance - hardness) / (1 - hardness);
            return 255 * opacity * (1 - t * t * (3 - 2 * t));
        });
    }

    /**
     * One brush or eraser stroke at a time on a ChangeMap. Within a stroke a pixel's coverage is the maximum over the
     * stroke's points, so that crossing one's own path adds nothing up; the pixel ends as its former value moved
     * toward the brush's strength by that coverage.
     */
    class Brush {
        #map;
        /** Coverage 0..255 of the running stroke; all zero between strokes. */
        #cover;
        #touched = null;
        #falloff;
        #value;
        #radius;
        #last = null;

        /** @param {ChangeMap} map */
        constructor(map) {
            this.#map = map;
            this.#cover = new Uint8Array(map.width * map.height);
        }

        /** @param {{value: number, size: number, hardness: number, opacity: number}} settings value 0..255, size = diameter in pixels */
        begin({ value, size, hardness, opacity }) {
            this.end();
            this.#value = value;
            this.#radius = size / 2;
            this.#falloff = falloff(hardness, opacity);
        }

        /**
         * Continues the stroke in a straight line; its first call makes a dot.
         * @param {number} x continuous map coordinate
         * @param {number} y
         * @param {{size?: number, opacity?: number}} pressure factors 0..1 at this point, interpolated along the line
         * @returns {?Rect} the pixels that may have changed
         */
        lineTo(x, y, { size = 1, opacity = 1 } = {}) {
            const to = { x, y, radius: Math.max(0.5, this.#radius * size), opacity };
            const from = this.#last ?? to;
            this.#last = to;
            const rect = this.#map.clip(
                Math.min(from.x - from.radius, to.x - to.radius),
                Math.min(from.y - from.radius, to.y - to.radius),
                Math.max(from.x + from.radius, to.x + to.radius),
                Math.max(from.y + from.radius, to.y + to.radius),
            );
            if (!rect) return null;
            for (let row = rect.y; row < rect.y + rect.height; row++) this.#coverRow(row, rect, from, to);
            this.#map.touch(rect);
            this.#touched = globalThis.diffdiff.union(this.#touched, rect);
            return rect;
        }

        /** Ends the stroke; the map's own commit or revert decides whether it stays. */
        end() {
            this.#last = null;
            if (!this.#touched) return;
            const { x, y, width, height } = this.#touched;
            for (let row = y; row < y + height; row++) {
                const start = row * this.#map.width + x;
                this.#cover.fill(0, start, start + width);
            }
            this.#touched = null;
        }

        #coverRow(row, rect, from, to) {
            const { width: stride, pixels, settled } = this.#map;
            const cover = this.#cover;
            const curve = this.#falloff;
            const value = this.#value;
            const dx = to.x - from.x;
            const dy = to.y - from.y;
            const inverseLength2 = dx || dy ? 1 / (dx * dx + dy * dy) : 0;
            const dRadius = to.radius - from.radius;
            const dOpacity = to.opacity - from.opacity;
            const py = row + 0.5 - from.y;
            const [left, right] = rowSpan(row + 0.5, from, to);
            const start = Math.max(rect.x, Math.floor(left));
            const end = Math.min(rect.x + rect.width, Math.ceil(right));
            for (let x = start, i = row * stride + start; x < end; x++, i++) {
                const px = x + 0.5 - from.x;
                const along = (px * dx + py * dy) * inverseLength2;
                const t = along < 0 ? 0 : along > 1 ? 1 : along;
                const ex = px - t * dx;
                const ey = py - t * dy;
                const distance2 = ex * ex + ey * ey;
                const radius = from.radius + t * dRadius;
                const radius2 = radius * radius;
                if (distance2 > radius2) continue;
                const c = (curve[(distance2 / radius2 * FALLOFF_STEPS) | 0] * (from.opacity + t * dOpacity) + 0.5) | 0;
                if (c <= cover[i]) continue;
                cover[i] = c;
                pixels[i] = ((255 - c) * settled[i] + c * value + 127) / 255;
            }
        }
    }

    /**
     * Where a row crosses the stroke between two discs: the discs themselves and the quadrilateral between them.
     * @returns {[number, number]} left and right end; left > right when the row misses it
     */
    function rowSpan(y, from, to) {
        let left = Infinity;
        let right = -Infinity;
        for (const disc of [from, to]) {
            const half2 = disc.radius * disc.radius - (y - disc.y) * (y - disc.y);
            if (half2 < 0) continue;
            const half = Math.sqrt(half2);
            left = Math.min(left, disc.x - half);
            right = Math.max(right, disc.x + half);
        }
        const length = Math.hypot(to.x - from.x, to.y - from.y);
        if (!length) return [left, right];
        const nx = (from.y - to.y) / length;
        const ny = (to.x - from.x) / length;
        for (const side of [-1, 1]) {
            const ax = from.x + side * nx * from.radius;
            const ay = from.y + side * ny * from.radius;
            const bx = to.x + side * nx * to.radius;
            const by = to.y + side * ny * to.radius;
            if (y < Math.min(ay, by) || y > Math.max(ay, by)) continue;
            const x = ay === by ? ax : ax + ((y - ay) / (by - ay)) * (bx - ax);
            left = Math.min(left, x);
            right = Math.max(right, x);
        }
        return [left, right];
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Brush });
}
