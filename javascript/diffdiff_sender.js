"use strict";

{
    const SEND_DELAY_MS = 40;

    /** Keeps the hidden field equal to the map: encodes after each edit, one at a time, always the latest. */
    class MapSender {
        #page;
        #content = null;
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

        /** @param {?(ChangeMap|{url: string})} content null empties the field; what has a URL already is sent as that */
        send(content) {
            this.#content = content;
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
                const url = await this.#urlOf(this.#content);
                if (!this.#isStale) this.#page.sendMap(url);
            }
        }

        async #urlOf(content) {
            if (!content) return "";
            if (content.url) return content.url;
            const { settled, width, height } = content;
            const { encodePng, inverted, dataUrl } = globalThis.diffdiff;
            return dataUrl(await encodePng(this.#page.whiteKeeps ? inverted(settled) : settled, width, height));
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { MapSender });
}
