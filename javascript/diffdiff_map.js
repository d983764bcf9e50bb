"use strict";

{
    /**
     * A rectangle of whole pixels.
     * @typedef {{x: number, y: number, width: number, height: number}} Rect
     */

    const TILE = 128;
    const DEFAULT_HISTORY_BYTES = 64 * 2 ** 20;

    /**
     * @param {?Rect} a
     * @param {?Rect} b
     * @returns {?Rect} the smallest rectangle around both; null when both are null
     */
    function union(a, b) {
        if (!a || !b) return a ?? b;
        const x = Math.min(a.x, b.x);
        const y = Math.min(a.y, b.y);
        return {
            x,
            y,
            width: Math.max(a.x + a.width, b.x + b.width) - x,
            height: Math.max(a.y + a.height, b.y + b.height) - y,
        };
    }

    /**
     * The painted change map: one byte per pixel of the picture, 255 = change most.
     *
     * An edit writes into `pixels` and names what it wrote with `touch`; `settled` keeps the map as it was before the
     * edit, so that a stroke can blend with it and `revert` can take a preview back. `commit` makes the edit final and
     * remembers it for `undo`. History holds only the tiles that changed, those of one value as a number, and forgets
     * the oldest edits beyond `historyBytes`.
     */
    class ChangeMap {
        #pending = null;
        #undo = [];
        #redo = [];
        #historyBytes;

        /**
         * @param {number} width pixels
         * @param {number} height pixels
         * @param {{pixels?: Uint8Array, historyBytes?: number}} options
         */
        constructor(width, height, { pixels = new Uint8Array(width * height), historyBytes = DEFAULT_HISTORY_BYTES } = {}) {
            if (pixels.length !== width * height) throw new RangeError(`${pixels.length} pixels are not ${width} x ${height}`);
            this.width = width;
            this.height = height;
            this.pixels = pixels;
            this.settled = pixels.slice();
            this.#historyBytes = historyBytes;
        }

        /** Whether nothing is painted: every pixel is 0. */
        get isBlank() {
            for (let i = 0; i < this.pixels.length; i++) if (this.pixels[i]) return false;
            return true;
        }

        get canUndo() {
            return this.#undo.length > 0;
        }

        get canRedo() {
            return this.#redo.length > 0;
        }

        /** @returns {number} bytes that undo and redo hold */
        get historySize() {
            return [...this.#undo, ...this.#redo].reduce((sum, edit) => sum + edit.bytes, 0);
        }

        /** @returns {Rect} */
        get bounds() {
            return { x: 0, y: 0, width: this.width, height: this.height };
        }

        /**
         * @param {number} left  the first four are continuous coordinates; pixel (i, j) covers [i, i+1) x [j, j+1)
         * @param {number} top
         * @param {number} right
         * @param {number} bottom
         * @returns {?Rect} the pixels of the map that the box overlaps; null when there is none
         */
        clip(left, top, right, bottom) {
            const x = Math.max(0, Math.floor(left));
            const y = Math.max(0, Math.floor(top));
            const width = Math.min(this.width, Math.ceil(right)) - x;
            const height = Math.min(this.height, Math.ceil(bottom)) - y;
            return width > 0 && height > 0 ? { x, y, width, height } : null;
        }

        /** Says that the running edit may have written inside `rect`. @param {?Rect} rect */
        touch(rect) {
            this.#pending = union(this.#pending, rect);
        }

        /** Takes the running edit back. @returns {?Rect} what changed */
        revert() {
            const rect = this.#pending;
            this.#pending = null;
            if (rect) copyRect(this.settled, this.pixels, this.width, rect);
            return rect;
        }

        /** Makes the running edit final. @returns {boolean} whether it changed any pixel */
        commit() {
            if (!this.#pending) return false;
            const tiles = new Map();
            for (const tile of this.#tilesIn(this.#pending)) {
                if (this.#differs(tile.rect)) tiles.set(tile.index, this.#pack(this.settled, tile.rect));
            }
            copyRect(this.pixels, this.settled, this.width, this.#pending);
            this.#pending = null;
            if (!tiles.size) return false;
            this.#redo = [];
            this.#undo.push(asEdit(tiles));
            while (this.#undo.length > 1 && this.historySize > this.#historyBytes) this.#undo.shift();
            return true;
        }

        /** @returns {?Rect} what changed; null when there was nothing to undo */
        undo() {
            return this.#swap(this.#undo, this.#redo);
        }

        /** @returns {?Rect} what changed; null when there was nothing to redo */
        redo() {
            return this.#swap(this.#redo, this.#undo);
        }

        #swap(from, to) {
            this.revert();
            const edit = from.pop();
            if (!edit) return null;
            const replaced = new Map();
            let changed = null;
            for (const [index, content] of edit.tiles) {
                const rect = this.#tileRect(index);
                replaced.set(index, this.#pack(this.pixels, rect));
                this.#unpack(content, rect);
                changed = union(changed, rect);
            }
            copyRect(this.pixels, this.settled, this.width, changed);
            to.push(asEdit(replaced));
            return changed;
        }

        #tileRect(index) {
            const columns = Math.ceil(this.width / TILE);
            const x = (index % columns) * TILE;
            const y = Math.floor(index / columns) * TILE;
            return { x, y, width: Math.min(TILE, this.width - x), height: Math.min(TILE, this.height - y) };
        }

        *#tilesIn({ x, y, width, height }) {
            const columns = Math.ceil(this.width / TILE);
            for (let row = Math.floor(y / TILE); row * TILE < y + height; row++) {
                for (let column = Math.floor(x / TILE); column * TILE < x + width; column++) {
                    const index = row * columns + column;
                    yield { index, rect: this.#tileRect(index) };
                }
            }
        }

        #differs({ x, y, width, height }) {
            for (let row = y; row < y + height; row++) {
                const end = row * this.width + x + width;
                for (let i = end - width; i < end; i++) if (this.pixels[i] !== this.settled[i]) return true;
            }
            return false;
        }

        /** @returns {number|Uint8Array} the tile's one value, or its bytes */
        #pack(source, { x, y, width, height }) {
            const bytes = new Uint8Array(width * height);
            for (let row = 0; row < height; row++) {
                const start = (y + row) * this.width + x;
                bytes.set(source.subarray(start, start + width), row * width);
            }
            return bytes.every((value) => value === bytes[0]) ? bytes[0] : bytes;
        }

        #unpack(content, { x, y, width, height }) {
            for (let row = 0; row < height; row++) {
                const start = (y + row) * this.width + x;
                if (typeof content === "number") this.pixels.fill(content, start, start + width);
                else this.pixels.set(content.subarray(row * width, (row + 1) * width), start);
            }
        }
    }

    function asEdit(tiles) {
        let bytes = 0;
        for (const content of tiles.values()) bytes += typeof content === "number" ? 8 : content.length;
        return { tiles, bytes };
    }

    function copyRect(source, target, stride, { x, y, width, height }) {
        for (let row = y; row < y + height; row++) {
            const start = row * stride + x;
            target.set(source.subarray(start, start + width), start);
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { ChangeMap, union });
}
