"use strict";

{
    /** As in Python: a soft edge ends after this many standard deviations. */
    const SOFTNESS_REACH = 3;

    /**
     * A plane of a picture: values 0..1, row by row.
     * @typedef {{width: number, height: number, values: Float32Array}} Plane
     */

    /**
     * A change map blurred by a Gaussian that ends at three standard deviations; edges are continued.
     * @param {Plane} plane
     * @param {number} softness standard deviation in pixels of the plane
     * @param {"both"|"outwards"|"inwards"} side outwards never lowers a value, inwards never raises one
     * @returns {Plane}
     */
    function soften(plane, softness, side) {
        return limited(blurred(plane, softness), plane, side);
    }

    /**
     * An inpaint mask with a soft edge that falls evenly: on both sides each value of the blur becomes the one that a
     * straight edge would have in its place, on one side it falls by distance. Greys inside of the mask are blurred and
     * stay what they were.
     * @param {Plane} mask
     * @param {number} softness as for `soften`
     * @param {"both"|"outwards"|"inwards"} side as for `soften`
     * @returns {Plane}
     */
    function softenMask(mask, softness, side) {
        const inside = { ...mask, values: mask.values.map((value) => (value > 0 ? 1 : 0)) };
        const covered = blurred(inside, softness).values;
        const hasGreys = mask.values.some((value) => value > 0 && value < 1);
        const soft = hasGreys ? blurred(mask, softness).values : covered;
        const even = evenEdge(inside, covered, softness, side);
        const values = soft.map((value, i) => (covered[i] ? (even[i] * value) / covered[i] : 0));
        return limited({ ...mask, values }, mask, side);
    }

    function evenEdge(inside, covered, softness, side) {
        if (side === "both") {
            const edge = edgeValues(halfKernel(softness));
            return covered.map((value) => evened(value, edge));
        }
        const end = Math.max(1, SOFTNESS_REACH * softness);
        const isOutwards = side === "outwards";
        const distance = distances(inside, (value) => (isOutwards ? value > 0 : value <= 0));
        return distance.map((pixels) => Math.min(1, Math.max(0, isOutwards ? 1 - pixels / end : pixels / end)));
    }

    /**
     * What lies between black and white stretched to the whole range, then raised to the power of gamma.
     * @param {Plane} plane
     * @param {{black: number, white: number, gamma: number}} levels 0 <= black < white <= 1
     * @returns {Plane}
     */
    function levelled(plane, { black, white, gamma }) {
        const share = (value) => Math.min(1, Math.max(0, (value - black) / (white - black)));
        return { ...plane, values: plane.values.map((value) => share(value) ** gamma) };
    }

    /** A Gaussian's weights from its middle to its end, which with their mirror image sum up to 1. */
    function halfKernel(softness) {
        const reach = Math.floor(SOFTNESS_REACH * softness);
        const kernel = Float32Array.from({ length: reach + 1 }, (_, i) => (i ? Math.exp(-((i / softness) ** 2) / 2) : 1));
        const total = 2 * kernel.reduce((sum, weight) => sum + weight) - kernel[0];
        return kernel.map((weight) => weight / total);
    }

    /** What a straight edge becomes by a blur, pixel by pixel, from 0 to 1. */
    function edgeValues(kernel) {
        const reach = kernel.length - 1;
        const edge = new Float64Array(2 * reach + 2);
        for (let i = 1; i < edge.length; i++) edge[i] = edge[i - 1] + kernel[Math.abs(i - 1 - reach)];
        return edge;
    }

    /** The place of `value` in the ascending `edge`, as a share of its length. */
    function evened(value, edge) {
        let [low, high] = [0, edge.length - 1];
        if (value >= edge[high]) return 1;
        while (high - low > 1) {
            const middle = (low + high) >> 1;
            if (edge[middle] <= value) low = middle;
            else high = middle;
        }
        return (low + (value - edge[low]) / (edge[high] - edge[low])) / (edge.length - 1);
    }

    function blurred(plane, softness) {
        const kernel = halfKernel(softness);
        if (kernel.length === 1) return plane;
        const { width, height, values } = plane;
        const rows = blurLines(values, width, height, 1, width, kernel);
        const soft = blurLines(rows, height, width, width, 1, kernel);
        // the kernel is a square: its corners reach farther than they may
        const reach = SOFTNESS_REACH * softness;
        const toChange = distances(plane, (value) => value > 0);
        const toLess = distances(plane, (value) => value < 1);
        return { width, height, values: soft.map((value, i) => (toChange[i] > reach ? 0 : toLess[i] > reach ? 1 : value)) };
    }

    /** Pixels from each pixel to the nearest one that passes `test`; Infinity where none does. */
    function distances({ width, height, values }, test) {
        const squared = new Float64Array(values.length);
        values.forEach((value, i) => (squared[i] = test(value) ? 0 : Infinity));
        for (let x = 0; x < width; x++) nearestInLine(squared, x, width, height);
        for (let y = 0; y < height; y++) nearestInLine(squared, y * width, 1, width);
        return Float32Array.from(squared, Math.sqrt);
    }

    /**
     * Turns squared distances along one axis into those along both: each becomes the lowest, at its place, of the
     * parabolas that stand on the line's values (Felzenszwalb and Huttenlocher 2012).
     */
    function nearestInLine(squared, start, step, length) {
        const line = Float64Array.from({ length }, (_, i) => squared[start + i * step]);
        const lowest = [];
        const from = [];
        for (let i = 0; i < length; i++) {
            if (line[i] === Infinity) continue;
            let begin = -Infinity;
            while (lowest.length) {
                const other = lowest.at(-1);
                begin = (line[i] - line[other] + i * i - other * other) / (2 * (i - other));
                if (begin > from.at(-1)) break;
                lowest.pop();
                from.pop();
                begin = -Infinity;
            }
            lowest.push(i);
            from.push(begin);
        }
        if (!lowest.length) return;
        for (let i = 0, k = 0; i < length; i++) {
            while (k + 1 < lowest.length && from[k + 1] <= i) k++;
            squared[start + i * step] = (i - lowest[k]) ** 2 + line[lowest[k]];
        }
    }

    function limited(soft, plane, side) {
        const limit = { both: (value) => value, outwards: Math.max, inwards: Math.min }[side];
        return { ...soft, values: soft.values.map((value, i) => limit(value, plane.values[i])) };
    }

    /** Blurs `lines` lines of `length` values, which lie `step` apart in a line that begins `stride` after the last. */
    function blurLines(values, length, lines, step, stride, kernel) {
        const result = new Float32Array(values.length);
        const line = new Float32Array(length);
        for (let n = 0; n < lines; n++) {
            for (let i = 0; i < length; i++) line[i] = values[n * stride + i * step];
            for (let i = 0; i < length; i++) {
                let sum = kernel[0] * line[i];
                for (let k = 1; k < kernel.length; k++) {
                    sum += kernel[k] * (line[Math.max(0, i - k)] + line[Math.min(length - 1, i + k)]);
                }
                result[n * stride + i * step] = sum;
            }
        }
        return result;
    }

    /**
     * @param {Plane} plane
     * @param {Plane} other of any size
     * @returns {Plane} their product, of the first one's size
     */
    function multiply(plane, other) {
        const { width, height } = plane;
        const values = plane.values.map((value, i) => {
            const x = Math.floor(((i % width) * other.width) / width);
            const y = Math.floor((Math.floor(i / width) * other.height) / height);
            return value * other.values[y * other.width + x];
        });
        return { width, height, values };
    }

    /**
     * @param {Plane} plane
     * @param {number[]} strengths of the fan's parts, in order
     * @param {"columns"|"rows"} axis
     * @returns {Plane} each value times the strength of the part that it lies in
     */
    function fanOut(plane, strengths, axis) {
        const { width, height } = plane;
        const placeOf = (i) => (axis === "rows" ? Math.floor(i / width) : i % width);
        const peaks = new Float32Array(axis === "rows" ? height : width);
        plane.values.forEach((value, i) => (peaks[placeOf(i)] = Math.max(peaks[placeOf(i)], value)));
        const strengthAt = sharedOut(peaks, strengths);
        return { width, height, values: plane.values.map((value, i) => value * strengthAt[placeOf(i)]) };
    }

    /** As in Python: the parts share out the places that reach half the peak; the outer ones take what lies beside. */
    function sharedOut(peaks, strengths) {
        const half = peaks.reduce((most, value) => Math.max(most, value)) / 2;
        const places = [...peaks.keys()].filter((place) => peaks[place] >= half);
        const starts = strengths.map((_, k) => (k ? places[Math.floor((k * places.length) / strengths.length)] : 0));
        return peaks.map((_, place) => strengths[starts.findLastIndex((start) => start <= place)]);
    }

    /**
     * @param {Plane} plane
     * @param {number} level
     * @returns {number[]} indices of the pixels on either side of the border between what reaches `level` and what does not
     */
    function outline({ width, height, values }, level) {
        const isInside = (i) => values[i] >= level;
        const indices = [];
        for (let i = 0; i < values.length; i++) {
            const x = i % width;
            const isEdge =
                (x > 0 && isInside(i) !== isInside(i - 1)) ||
                (x < width - 1 && isInside(i) !== isInside(i + 1)) ||
                (i >= width && isInside(i) !== isInside(i - width)) ||
                (i < width * (height - 1) && isInside(i) !== isInside(i + width));
            if (isEdge) indices.push(i);
        }
        return indices;
    }

    /**
     * Where img2img puts a picture on the canvas that it generates on: beyond its borders where it is cropped, short of
     * them where its edges are drawn out to fill.
     * @param {{width: number, height: number}} picture
     * @param {{width: number, height: number}} canvas
     * @param {boolean} isCropped or else filled
     * @returns {Rect}
     */
    function placement(picture, canvas, isCropped) {
        const scales = [canvas.width / picture.width, canvas.height / picture.height];
        const scale = isCropped ? Math.max(...scales) : Math.min(...scales);
        const [width, height] = [picture.width * scale, picture.height * scale].map(Math.round);
        const [x, y] = [(canvas.width - width) / 2, (canvas.height - height) / 2].map(Math.round);
        return { x, y, width, height };
    }

    /**
     * @param {Rect} placed where a picture lies on a canvas
     * @param {{width: number, height: number}} canvas
     * @returns {Uint32Array} of each pixel of the canvas, the index of the picture's pixel that it shows; the edges are drawn out
     */
    function pixelsShown(placed, { width, height }) {
        const near = (place, start, length) => Math.min(length - 1, Math.max(0, place - start));
        return Uint32Array.from(
            { length: width * height },
            (_, i) => near(Math.floor(i / width), placed.y, placed.height) * placed.width + near(i % width, placed.x, placed.width),
        );
    }

    /**
     * As in Python: beyond the picture there is nothing to keep, so the map is 1 there, softly from inside of the picture on.
     * @param {Plane} plane the map on the canvas
     * @param {Rect} placed where the picture lies on it
     * @param {number} softness in pixels of the canvas
     * @returns {Plane}
     */
    function outpainted(plane, placed, softness) {
        const { width, height } = plane;
        const isWithin = (place, start, length) => place >= start && place < start + length;
        const isBeyond = (i) => !isWithin(i % width, placed.x, placed.width) || !isWithin(Math.floor(i / width), placed.y, placed.height);
        const margins = { width, height, values: Float32Array.from(plane.values, (_, i) => (isBeyond(i) ? 1 : 0)) };
        if (!margins.values.includes(1)) return plane;
        const soft = softenMask(margins, softness, "outwards");
        return { ...plane, values: plane.values.map((value, i) => Math.max(value, soft.values[i])) };
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { placement, pixelsShown, outpainted, soften, softenMask, levelled, distances, multiply, fanOut, outline });
}
