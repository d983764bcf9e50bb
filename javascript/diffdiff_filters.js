"use strict";

{
    const BOX_PASSES = 3;
    const STRIP = 32;

    /** Replaces every value v by `table[v]`. @param {ChangeMap} map @param {Uint8Array} table 256 values @returns {Rect} */
    function applyTable(map, table) {
        const { pixels, settled } = map;
        for (let i = 0; i < pixels.length; i++) pixels[i] = table[settled[i]];
        map.touch(map.bounds);
        return map.bounds;
    }

    /** 255 becomes 0 and the other way round. @param {ChangeMap} map @returns {Rect} */
    function invert(map) {
        return applyTable(map, Uint8Array.from({ length: 256 }, (_, v) => 255 - v));
    }

    /** @param {Uint8Array} pixels @returns {Uint8Array} */
    function inverted(pixels) {
        return pixels.map((value) => 255 - value);
    }

    /**
     * Stretches [black, white] to the whole range and bends the middle: above 1, gamma lowers the values between, as the
     * panel's levels do.
     * @param {ChangeMap} map
     * @param {{black: number, white: number, gamma: number}} levels 0 <= black < white <= 1; gamma > 0
     * @returns {Rect}
     */
    function levels(map, { black, white, gamma }) {
        const table = Uint8Array.from({ length: 256 }, (_, v) => {
            const t = Math.min(1, Math.max(0, (v / 255 - black) / (white - black)));
            return Math.round(255 * t ** gamma);
        });
        return applyTable(map, table);
    }

    /**
     * A Gaussian blur with the map continued by its edge pixels: three box filters in a row whose fractional radius
     * gives exactly the wanted variance (Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended
     * box filtering", 2011), at a cost that does not grow with sigma.
     * @param {ChangeMap} map
     * @param {number} sigma standard deviation in pixels, >= 0
     * @returns {Generator<number>} to be run to its end; stops every few milliseconds, with the share of the work done
     */
    function* blurring(map, sigma) {
        const { width, height, pixels, settled } = map;
        map.touch(map.bounds);
        if (!(sigma > 0)) {
            pixels.set(settled);
            return;
        }
        const box = extendedBox(sigma);
        const rows = new Uint16Array(width * height);
        const line = new PaddedLine(width, box);
        for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) line.set(x, settled[y * width + x]);
            const blurred = line.blur();
            for (let x = 0; x < width; x++) rows[y * width + x] = blurred[x] * 256 + 0.5;
            if (y % STRIP === STRIP - 1) yield y / (2 * height);
        }
        yield* blurringColumns(rows, map, box);
    }

    /** Columns are taken in strips, so that each row of memory is visited once per strip. */
    function* blurringColumns(rows, { width, height, pixels }, box) {
        const lines = Array.from({ length: STRIP }, () => new PaddedLine(height, box));
        for (let left = 0; left < width; left += STRIP) {
            const strip = lines.slice(0, width - left);
            for (let y = 0; y < height; y++) strip.forEach((line, k) => line.set(y, rows[y * width + left + k] / 256));
            const done = strip.map((line) => line.blur());
            for (let y = 0; y < height; y++) done.forEach((line, k) => (pixels[y * width + left + k] = line[y] + 0.5));
            yield 0.5 + left / (2 * width);
        }
    }

    /** @returns {{radius: number, inner: number, outer: number}} weight `inner` within whole `radius`, `outer` one pixel further */
    function extendedBox(sigma) {
        const variance = (sigma * sigma) / BOX_PASSES;
        const radius = Math.floor((Math.sqrt(12 * variance + 1) - 1) / 2);
        const length = 2 * radius + 1;
        const share = (length * (radius * (radius + 1) - 3 * variance)) / (6 * (variance - (radius + 1) ** 2));
        const inner = 1 / (length + 2 * share);
        return { radius, inner, outer: share * inner };
    }

    /** A row or column with room for its continuation by the edge values, as far as the box filters together reach. */
    class PaddedLine {
        #length;
        #box;
        #pad;
        #source;
        #target;

        constructor(length, box) {
            this.#length = length;
            this.#box = box;
            this.#pad = BOX_PASSES * (box.radius + 1);
            this.#source = new Float32Array(length + 2 * this.#pad);
            this.#target = new Float32Array(length + 2 * this.#pad);
        }

        set(i, value) {
            this.#source[this.#pad + i] = value;
        }

        /** @returns {Float32Array} valid until the next `set` */
        blur() {
            const end = this.#pad + this.#length;
            this.#source.fill(this.#source[this.#pad], 0, this.#pad);
            this.#source.fill(this.#source[end - 1], end);
            for (let pass = 1; pass <= BOX_PASSES; pass++) {
                this.#boxFilter(pass * (this.#box.radius + 1));
                [this.#source, this.#target] = [this.#target, this.#source];
            }
            return this.#source.subarray(this.#pad, end);
        }

        /** Filters all but `margin` values at either end. */
        #boxFilter(margin) {
            const { radius, inner, outer } = this.#box;
            const source = this.#source;
            const target = this.#target;
            let sum = 0;
            for (let i = margin - radius; i <= margin + radius; i++) sum += source[i];
            for (let i = margin; i < source.length - margin; i++) {
                const right = source[i + radius + 1];
                target[i] = inner * sum + outer * (source[i - radius - 1] + right);
                sum += right - source[i - radius];
            }
        }
    }

    /**
     * Brings a map to another size as the run does: area averages where it shrinks, linear where it grows, and what covers
     * nothing but black stays black.
     * @param {{width: number, height: number, pixels: Uint8Array}} source
     * @param {number} width
     * @param {number} height
     * @returns {Uint8Array} width x height values
     */
    function resample(source, width, height) {
        if (source.width === width && source.height === height) return source.pixels.slice();
        const columns = spans(source.width, width);
        const rows = spans(source.height, height);
        const between = new Float32Array(width * source.height);
        for (let y = 0; y < source.height; y++) {
            const line = source.pixels.subarray(y * source.width, (y + 1) * source.width);
            for (let x = 0; x < width; x++) {
                const { first, weights, covered } = columns[x];
                if (covered?.every((k) => !line[k])) continue;
                let sum = 0;
                for (let k = 0; k < weights.length; k++) sum += weights[k] * line[first + k];
                between[y * width + x] = sum;
            }
        }
        const pixels = new Uint8Array(width * height);
        const sums = new Float32Array(width);
        for (let y = 0; y < height; y++) {
            const { first, weights, covered } = rows[y];
            sums.fill(0.5);
            for (let k = 0; k < weights.length; k++) {
                const start = (first + k) * width;
                for (let x = 0; x < width; x++) sums[x] += weights[k] * between[start + x];
            }
            if (covered) {
                const [top, bottom] = covered.map((k) => between.subarray(k * width, (k + 1) * width));
                for (let x = 0; x < width; x++) if (!top[x] && !bottom[x]) sums[x] = 0;
            }
            pixels.set(sums, y * width);
        }
        return pixels;
    }

    /** What each pixel of a line is made of. @returns {{first: number, weights: Float32Array, covered: ?number[]}[]} */
    function spans(from, to) {
        return Array.from({ length: to }, (_, i) => (to > from ? grown : shrunk)(from, to, i));
    }

    /** A larger line's pixel, which lies in one pixel of the line or in two. */
    function grown(from, to, i) {
        const place = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
        const first = Math.floor(place);
        const weights = first === place ? [1] : [first + 1 - place, place - first];
        const covered = [i * from, (i + 1) * from - 1].map((part) => Math.floor(part / to));
        return { first, weights: Float32Array.from(weights), covered };
    }

    function shrunk(from, to, i) {
        const [start, end] = [(i * from) / to, ((i + 1) * from) / to];
        const first = Math.floor(start);
        const last = Math.min(from, Math.ceil(end));
        const share = (k) => (Math.min(end, first + k + 1) - Math.max(start, first + k)) / (end - start);
        return { first, weights: Float32Array.from({ length: last - first }, (_, k) => share(k)), covered: null };
    }

    /**
     * @param {Uint8ClampedArray} rgba
     * @returns {Uint8Array} ITU-R 601 luma of each pixel; what is transparent counts as black
     */
    function luminance(rgba) {
        const grey = new Uint8Array(rgba.length / 4);
        for (let i = 0, k = 0; i < grey.length; i++, k += 4) {
            const luma = (299 * rgba[k] + 587 * rgba[k + 1] + 114 * rgba[k + 2]) / 1000;
            grey[i] = (luma * rgba[k + 3]) / 255 + 0.5;
        }
        return grey;
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { invert, inverted, levels, blurring, resample, luminance });
}
