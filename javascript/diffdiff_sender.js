"use strict";

{
    const SEND_DELAY_MS = 40;

    /** Keeps the hidden field equal to the map: encodes after each edit, one at a time, always the latest. */
    class MapSender {
        #page;
        #map = null;
        #isStale = false;
        #timer = null;
        #running = null;

        /** @param {HostPage} page */
        constructor(page) {
            this.#page = page;
        }

        /** Whether the field does not hold the latest map yet. */
        get isBehind() {
            return this.#isStale || this.#running !== null;
        }

        /** @param {?ChangeMap} map null empties the field */
        send(map) {
            this.#map = map;
            this.#isStale = true;
            clearTimeout(this.#timer);
            this.#timer = setTimeout(() => this.flush(), SEND_DELAY_MS);
        }

        /** @returns {Promise<void>} done when the field holds the latest map */
        async flush() {
            clearTimeout(this.#timer);
            this.#running ??= this.#run().finally(() => (this.#running = null));
            await this.#running;
        }

        async #run() {
            while (this.#isStale) {
                this.#isStale = false;
                const map = this.#map;
                const url = map ? await dataUrl(await this.#encode(map)) : "";
                if (!this.#isStale) this.#page.sendMap(url);
            }
        }

        #encode({ settled, width, height }) {
            const pixels = this.#page.whiteKeeps ? inverted(settled) : settled;
            return globalThis.diffdiff.encodePng(pixels, width, height);
        }
    }

    function inverted(pixels) {
        return pixels.map((value) => 255 - value);
    }

    /** @param {Blob} blob @returns {Promise<string>} */
    function dataUrl(blob) {
        return new Promise((resolve, reject) => {
            const reader = new FileReader();
            reader.onload = () => resolve(reader.result);
            reader.onerror = () => reject(reader.error);
            reader.readAsDataURL(blob);
        });
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { MapSender, inverted });
}
