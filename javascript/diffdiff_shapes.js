"use strict";

{
    /**
     * A point in continuous map coordinates: pixel (i, j) covers [i, i+1) x [j, j+1).
     * @typedef {{x: number, y: number}} Point
     */

    /**
     * What a shape is filled with: a value 0..255 and how far the former value moves toward it, 0..1.
     * @typedef {{value: number, opacity: number}} Paint
     */

    /** Fills pixels [start, end) of a row. */
    function fillRow(map, row, start, end, { value, opacity }) {
        const from = row * map.width + Math.max(0, start);
        const to = row * map.width + Math.min(map.width, end);
        if (opacity >= 1) {
            if (from < to) map.pixels.fill(value, from, to);
            return;
        }
        for (let i = from; i < to; i++) map.pixels[i] = map.settled[i] + opacity * (value - map.settled[i]) + 0.5;
    }

    /** The first pixel whose middle lies at or right of `x`. */
    function firstMiddle(x) {
        return Math.ceil(x - 0.5);
    }

    /** Fills the whole map. */
    function fillAll(map, paint) {
        for (let row = 0; row < map.height; row++) fillRow(map, row, 0, map.width, paint);
        map.touch(map.bounds);
        return map.bounds;
    }

    /**
     * Fills the pixels whose middle lies in the box that two corners span.
     * @returns {?Rect} the pixels that may have changed
     */
    function fillRectangle(map, a, b, paint) {
        const rect = map.clip(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y));
        if (!rect) return null;
        const start = firstMiddle(Math.min(a.x, b.x));
        const end = firstMiddle(Math.max(a.x, b.x));
        const bottom = Math.min(map.height, firstMiddle(Math.max(a.y, b.y)));
        for (let row = Math.max(0, firstMiddle(Math.min(a.y, b.y))); row < bottom; row++) fillRow(map, row, start, end, paint);
        map.touch(rect);
        return rect;
    }

    /**
     * Fills the pixels whose middle lies in the ellipse inside the box that two corners span.
     * @returns {?Rect} the pixels that may have changed
     */
    function fillEllipse(map, a, b, paint) {
        const rect = map.clip(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y));
        if (!rect) return null;
        const cx = (a.x + b.x) / 2;
        const cy = (a.y + b.y) / 2;
        const rx = Math.abs(a.x - b.x) / 2;
        const ry = Math.abs(a.y - b.y) / 2;
        for (let row = rect.y; row < rect.y + rect.height; row++) {
            const dy = (row + 0.5 - cy) / ry;
            if (Math.abs(dy) > 1) continue;
            const half = rx * Math.sqrt(1 - dy * dy);
            fillRow(map, row, firstMiddle(cx - half), firstMiddle(cx + half), paint);
        }
        map.touch(rect);
        return rect;
    }

    /**
     * Fills the pixels whose middle a closed outline winds around (nonzero rule, so a lasso that crosses itself has no holes).
     * @param {ChangeMap} map
     * @param {Point[]} points
     * @param {Paint} paint
     * @returns {?Rect} the pixels that may have changed
     */
    function fillPolygon(map, points, paint) {
        if (points.length < 3) return null;
        const xs = points.map((point) => point.x);
        const ys = points.map((point) => point.y);
        const extreme = (pick, values) => values.reduce((a, b) => pick(a, b));
        const rect = map.clip(extreme(Math.min, xs), extreme(Math.min, ys), extreme(Math.max, xs), extreme(Math.max, ys));
        if (!rect) return null;
        const edges = points.map((from, i) => ({ from, to: points[(i + 1) % points.length] }));
        for (let row = rect.y; row < rect.y + rect.height; row++) {
            const crossings = crossingsAt(row + 0.5, edges);
            let winding = 0;
            for (let i = 0; i + 1 < crossings.length; i++) {
                winding += crossings[i].turn;
                if (winding) fillRow(map, row, firstMiddle(crossings[i].x), firstMiddle(crossings[i + 1].x), paint);
            }
        }
        map.touch(rect);
        return rect;
    }

    function crossingsAt(y, edges) {
        const crossings = [];
        for (const { from, to } of edges) {
            if (from.y <= y === to.y <= y) continue;
            crossings.push({
                x: from.x + ((y - from.y) / (to.y - from.y)) * (to.x - from.x),
                turn: from.y < to.y ? 1 : -1,
            });
        }
        return crossings.sort((a, b) => a.x - b.x);
    }

    /**
     * Fills the whole map with a ramp from `from` at point a to `to` at point b, constant before and after.
     * @param {ChangeMap} map
     * @param {Point} a
     * @param {Point} b
     * @param {{from: number, to: number, opacity: number}} ramp values 0..255
     * @returns {Rect}
     */
    function linearGradient(map, a, b, ramp) {
        const length2 = (b.x - a.x) ** 2 + (b.y - a.y) ** 2;
        const step = length2 ? (b.x - a.x) / length2 : 0;
        return shadeAll(map, ramp, (row, values) => {
            const start = length2 ? ((0.5 - a.x) * (b.x - a.x) + (row + 0.5 - a.y) * (b.y - a.y)) / length2 : 0;
            for (let x = 0; x < values.length; x++) values[x] = start + x * step;
        });
    }

    /**
     * Fills the whole map with a ramp from `from` at the middle a to `to` at the circle through b, constant outside.
     * @param {ChangeMap} map
     * @param {Point} a
     * @param {Point} b
     * @param {{from: number, to: number, opacity: number}} ramp values 0..255
     * @returns {Rect}
     */
    function radialGradient(map, a, b, ramp) {
        const radius = Math.hypot(b.x - a.x, b.y - a.y);
        const scale = radius ? 1 / radius : Infinity;
        return shadeAll(map, ramp, (row, values) => {
            const dy2 = (row + 0.5 - a.y) ** 2;
            for (let x = 0; x < values.length; x++) {
                const dx = x + 0.5 - a.x;
                values[x] = Math.sqrt(dx * dx + dy2) * scale;
            }
        });
    }

    /** @param {(row: number, positions: Float64Array) => void} positionsOf fills in each pixel's place on the ramp, 0 = from, 1 = to */
    function shadeAll(map, { from, to, opacity }, positionsOf) {
        const positions = new Float64Array(map.width);
        const { pixels, settled, width } = map;
        const range = to - from;
        for (let row = 0; row < map.height; row++) {
            positionsOf(row, positions);
            for (let x = 0, i = row * width; x < width; x++, i++) {
                const t = positions[x];
                const value = (from + range * (t < 0 ? 0 : t > 1 ? 1 : t) + 0.5) | 0;
                pixels[i] = opacity >= 1 ? value : settled[i] + opacity * (value - settled[i]) + 0.5;
            }
        }
        map.touch(map.bounds);
        return map.bounds;
    }

    /**
     * Fills the connected region (by edges, not corners) around a pixel whose pixels differ from that pixel by at most
     * `tolerance` in every channel.
     * @param {ChangeMap} map
     * @param {number} x whole pixel
     * @param {number} y
     * @param {{channels: Uint8Array|Uint8ClampedArray, count: number, tolerance: number}} likeness
     *     `count` interleaved channels per pixel: the map itself (1) or the picture (4); tolerance 0..255
     * @param {Paint} paint
     * @returns {?Rect} the pixels that may have changed
     */
    function floodFill(map, x, y, { channels, count, tolerance }, paint) {
        const { width, height } = map;
        if (x < 0 || y < 0 || x >= width || y >= height) return null;
        const seed = channels.slice((y * width + x) * count, (y * width + x + 1) * count);
        const filled = new Uint8Array(width * height);
        const similar = (i) => {
            if (filled[i]) return false;
            for (let c = 0, k = i * count; c < count; c++, k++) {
                const difference = channels[k] - seed[c];
                if (difference > tolerance || difference < -tolerance) return false;
            }
            return true;
        };
        const spans = [];
        const open = [y * width + x];
        while (open.length) {
            const i = open.pop();
            if (!similar(i)) continue;
            const row = Math.floor(i / width);
            const first = row * width;
            let start = i;
            let end = i + 1;
            while (start > first && similar(start - 1)) start--;
            while (end < first + width && similar(end)) end++;
            filled.fill(1, start, end);
            spans.push({ row, start: start - first, end: end - first });
            for (const neighbour of [row - 1, row + 1]) {
                if (neighbour < 0 || neighbour >= height) continue;
                const shift = (neighbour - row) * width;
                let inRun = false;
                for (let k = start + shift; k < end + shift; k++) {
                    const now = similar(k);
                    if (now && !inRun) open.push(k);
                    inRun = now;
                }
            }
        }
        let rect = null;
        for (const { row, start, end } of spans) {
            fillRow(map, row, start, end, paint);
            rect = globalThis.diffdiff.union(rect, { x: start, y: row, width: end - start, height: 1 });
        }
        map.touch(rect);
        return rect;
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, {
        fillAll,
        fillRectangle,
        fillEllipse,
        fillPolygon,
        linearGradient,
        radialGradient,
        floodFill,
    });
}
