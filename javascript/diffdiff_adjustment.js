"use strict";

{
    /** Longest side of the copy that an adjustment is shown on: the map itself would keep the page waiting. */
    const PREVIEW_SIDE = 768;
    /** How long the page is kept from anything else at a time. */
    const SLICE_MS = 12;

    /** Blur or levels of the whole map, seen while its sliders move and final when it is applied. */
    class Adjustment {
        #map;
        #workOn;
        #handlers;
        #bar;
        #preview;
        #timer = null;
        #isApplying = false;
        #isOver = false;

        /**
         * @param {"blur"|"levels"} kind
         * @param {ChangeMap} map
         * @param {Object} handlers
         * @param {(map: ChangeMap) => void} handlers.show the map to be seen, of any size
         * @param {(work: () => Promise<boolean>) => Promise<void>} handlers.edit as `MapDocument.edit`
         * @param {() => void} handlers.applied the map holds the adjustment
         * @param {() => void} handlers.cancelled
         */
        constructor(kind, map, handlers) {
            const { AdjustmentBar } = globalThis.diffdiff;
            this.#map = map;
            this.#handlers = handlers;
            this.#workOn = { blur: blurring, levels: levelling }[kind];
            this.#preview = smallCopy(map);
            this.#bar = new AdjustmentBar(kind, {
                onChange: () => (this.#timer ??= setTimeout(() => this.#refresh())),
                onApply: () => this.#apply(),
                onCancel: handlers.cancelled,
            });
            this.node = this.#bar.node;
            this.#refresh();
        }

        focus() {
            this.#bar.focus();
        }

        /** Takes the sliders away and shows the map as it is; what is not applied yet is left off. */
        close() {
            this.#isOver = true;
            clearTimeout(this.#timer);
            this.node.remove();
            this.#map.revert();
            this.#handlers.show(this.#map);
        }

        #refresh() {
            this.#timer = null;
            this.#preview.revert();
            const work = this.#workOn(this.#preview, this.#bar.values, this.#preview.width / this.#map.width);
            while (!work.next().done);
            this.#handlers.show(this.#preview);
        }

        async #apply() {
            if (this.#isApplying) return;
            this.#isApplying = true;
            this.#bar.showProgress(0);
            await this.#handlers.edit(() => this.#runToEnd());
            if (!this.#isOver) this.#handlers.applied();
        }

        /** @returns {Promise<boolean>} whether the end was reached */
        async #runToEnd() {
            let start = performance.now();
            for (const share of this.#workOn(this.#map, this.#bar.values, 1)) {
                if (performance.now() - start < SLICE_MS) continue;
                this.#bar.showProgress(share);
                await new Promise((resolve) => setTimeout(resolve));
                if (this.#isOver) return false;
                start = performance.now();
            }
            return !this.#isOver;
        }
    }

    function blurring(map, { sigma }, scale) {
        return globalThis.diffdiff.blurring(map, sigma * scale);
    }

    /** A table takes no time: there is nothing to stop for. */
    function* levelling(map, { black, white, gamma }) {
        globalThis.diffdiff.levels(map, { black, white: Math.max(white, black + 0.01), gamma });
    }

    /** @param {ChangeMap} map @returns {ChangeMap} a copy that is at most `PREVIEW_SIDE` pixels a side */
    function smallCopy(map) {
        const step = Math.ceil(Math.max(map.width, map.height) / PREVIEW_SIDE);
        const width = Math.ceil(map.width / step);
        const height = Math.ceil(map.height / step);
        const pixels = new Uint8Array(width * height);
        for (let y = 0, i = 0; y < height; y++) {
            for (let x = 0; x < width; x++, i++) pixels[i] = map.settled[y * step * map.width + x * step];
        }
        return new globalThis.diffdiff.ChangeMap(width, height, { pixels });
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Adjustment });
}
