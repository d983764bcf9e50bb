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
        const reach = Math.floor(SOFTNESS_REACH * softness);
        if (reach === 0) return plane;
        const kernel = Float32Array.from({ length: reach + 1 }, (_, i) => Math.exp(-((i / softness) ** 2) / 2));
        const total = 2 * kernel.reduce((sum, weight) => sum + weight) - kernel[0];
        kernel.forEach((weight, i) => (kernel[i] = weight / total));
        const limit = { both: (soft) => soft, outwards: Math.max, inwards: Math.min }[side];
        const { width, height, values } = plane;
        const blurred = blurLines(blurLines(values, width, height, 1, width, kernel), height, width, width, 1, kernel);
        return { width, height, values: blurred.map((soft, i) => limit(soft, values[i])) };
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
        const values = plane.values.map((value, i) => {
            const share = axis === "rows" ? Math.floor(i / width) / height : (i % width) / width;
            return value * strengths[Math.floor(share * strengths.length)];
        });
        return { width, height, values };
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

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { soften, multiply, fanOut, outline });
}
