"use strict";

{
    const DELAY_MS = 40;
    /** Longest side of the copy that a blur is shown on: the map itself would keep the page waiting. */
    const PREVIEW_SIDE = 768;

    /** Blur or levels of the whole map, seen while its sliders move and final when it is applied. */
    class Adjustment {
        #map;
        #apply;
        #bar;
        #timer = null;
        #preview;
        #show;

        /**
         * @param {"blur"|"levels"} kind
         * @param {ChangeMap} map
         * @param {Object} handlers
         * @param {(map: ChangeMap) => void} handlers.show the map to be seen, of any size
         * @param {() => void} handlers.applied the map holds the adjustment, which may be committed
         * @param {() => void} handlers.cancelled
         */
        constructor(kind, map, { show, applied, cancelled }) {
            const { AdjustmentBar } = globalThis.diffdiff;
            this.#map = map;
            this.#show = show;
            this.#apply = { blur: applyBlur, levels: applyLevels }[kind];
            this.#preview = smallCopy(map);
            this.#bar = new AdjustmentBar(kind, {
                onChange: () => {
                    clearTimeout(this.#timer);
                    this.#timer = setTimeout(() => this.#refresh(), DELAY_MS);
                },
                onApply: () => {
                    clearTimeout(this.#timer);
                    this.#apply(this.#map, this.#bar.values, 1);
                    applied();
                },
                onCancel: cancelled,
            });
            this.node = this.#bar.node;
            this.#refresh();
        }

        focus() {
            this.#bar.focus();
        }

        /** Takes the sliders away and shows the map as it is. */
        close() {
            clearTimeout(this.#timer);
            this.node.remove();
            this.#show(this.#map);
        }

        #refresh() {
            this.#preview.revert();
            this.#apply(this.#preview, this.#bar.values, this.#preview.width / this.#map.width);
            this.#show(this.#preview);
        }
    }

    function applyBlur(map, { sigma }, scale) {
        globalThis.diffdiff.blur(map, sigma * scale);
    }

    function applyLevels(map, { black, white, gamma }) {
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
