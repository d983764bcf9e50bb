"use strict";

{
    const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
    const GREY = 0;
    const FILTER_UP = 2;
    const [IHDR, IDAT] = [0x49484452, 0x49444154];

    const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
        let c = n;
        for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
        return c;
    });

    function crc32(bytes) {
        let crc = 0xffffffff;
        for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
        return (crc ^ 0xffffffff) >>> 0;
    }

    function chunk(type, data) {
        const bytes = new Uint8Array(data.length + 12);
        const view = new DataView(bytes.buffer);
        view.setUint32(0, data.length);
        for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
        bytes.set(data, 8);
        view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
        return bytes;
    }

    /** Each row as its difference from the row above, which is what smooth maps compress best as. */
    function filteredRows(pixels, width, height) {
        const rows = new Uint8Array((width + 1) * height);
        for (let y = 0; y < height; y++) {
            const out = y * (width + 1);
            const start = y * width;
            rows[out] = FILTER_UP;
            if (y === 0) rows.set(pixels.subarray(0, width), out + 1);
            else for (let x = 0; x < width; x++) rows[out + 1 + x] = pixels[start + x] - pixels[start - width + x];
        }
        return rows;
    }

    async function transform(parts, stream) {
        return new Uint8Array(await new Response(new Blob(parts).stream().pipeThrough(stream)).arrayBuffer());
    }

    /**
     * A canvas is not used for this: some browsers add noise to what is read back from one.
     * @param {Uint8Array} pixels width x height grey values
     * @param {number} width
     * @param {number} height
     * @returns {Promise<Blob>} an 8-bit greyscale PNG of exactly these values
     */
    async function encodePng(pixels, width, height) {
        const header = new Uint8Array(13);
        const view = new DataView(header.buffer);
        view.setUint32(0, width);
        view.setUint32(4, height);
        header[8] = 8;
        header[9] = GREY;
        const data = await transform([filteredRows(pixels, width, height)], new CompressionStream("deflate"));
        const parts = [Uint8Array.from(SIGNATURE), chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", new Uint8Array(0))];
        return new Blob(parts, { type: "image/png" });
    }

    /** What each kind of filter predicts a byte from: its left, upper and upper left neighbour. */
    const PREDICTIONS = [
        () => 0,
        (left) => left,
        (_left, above) => above,
        (left, above) => (left + above) >> 1,
        (left, above, corner) => {
            const [a, b, c] = [above - corner, left - corner, left + above - 2 * corner].map(Math.abs);
            return a <= b && a <= c ? left : b <= c ? above : corner;
        },
    ];

    function unfiltered(rows, width, height) {
        const pixels = new Uint8Array(width * height);
        for (let y = 0; y < height; y++) {
            const start = y * width;
            const row = y * (width + 1);
            const predict = PREDICTIONS[rows[row]];
            for (let x = 0; x < width; x++) {
                const i = start + x;
                const left = x ? pixels[i - 1] : 0;
                const above = y ? pixels[i - width] : 0;
                const corner = x && y ? pixels[i - width - 1] : 0;
                pixels[i] = rows[row + 1 + x] + predict(left, above, corner);
            }
        }
        return pixels;
    }

    /**
     * The pixels of a PNG as Python or `encodePng` writes a map: 8-bit grey, not interlaced. No canvas is used, for the
     * reason given there.
     * @param {Blob} blob
     * @returns {Promise<{width: number, height: number, pixels: Uint8Array}>}
     * @throws {TypeError} where it is another kind of picture
     */
    async function decodePng(blob) {
        const view = new DataView(await blob.arrayBuffer());
        const parts = [];
        let header = null;
        for (let at = SIGNATURE.length; at + 12 <= view.byteLength; ) {
            const length = view.getUint32(at);
            const type = view.getUint32(at + 4);
            const data = new Uint8Array(view.buffer, at + 8, length);
            if (type === IHDR) header = new DataView(view.buffer, at + 8, length);
            if (type === IDAT) parts.push(data);
            at += length + 12;
        }
        const form = header && [8, 9, 12].map((at) => header.getUint8(at)).join();
        if (form !== "8,0,0") throw new TypeError("not an 8-bit grey PNG");
        const [width, height] = [header.getUint32(0), header.getUint32(4)];
        const rows = await transform(parts, new DecompressionStream("deflate"));
        return { width, height, pixels: unfiltered(rows, width, height) };
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { encodePng, decodePng });
}
