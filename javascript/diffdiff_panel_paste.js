"use strict";

{
    const POLL_MS = 300;
    /** The hosts send a picture to the tab along with its infotext: the map is for that picture, and so comes after it. */
    const PICTURE_COMES_MS = 1000;

    /** Brings the map of a pasted infotext back into the painter, if it was kept. */
    class PastedMap {
        #page;
        #fields;
        #seen;
        /** The map that is on its way; null when none is. */
        #coming = null;

        /**
         * @param {HostPage} page
         * @param {PanelFields} fields
         */
        constructor(page, fields) {
            this.#page = page;
            this.#fields = fields;
            this.#seen = fields.text("pasted_map");
            // what Python sets causes no event
            setInterval(() => this.#look(), POLL_MS);
            page.guardGenerate(
                () => {
                    this.#look();
                    return this.#coming !== null;
                },
                () => this.#coming,
            );
        }

        #look() {
            const value = this.#fields.text("pasted_map");
            if (value === this.#seen) return;
            this.#seen = value;
            const digest = value.split(":")[1];
            if (digest) this.#coming = this.#bring(digest).finally(() => (this.#coming = null));
        }

        async #bring(digest) {
            const { painter } = globalThis.diffdiff;
            await new Promise((resolve) => setTimeout(resolve, PICTURE_COMES_MS));
            const file = await this.#page.keptMap(digest);
            if (file) await painter.take(file);
            else painter.say(`This picture's map (${digest}) was not kept on this computer: paint or import one.`);
        }
    }

    onUiLoaded(() => {
        const { HostPage, PanelFields } = globalThis.diffdiff;
        if (gradioApp().querySelector("#diffdiff_pasted_map")) new PastedMap(new HostPage(), new PanelFields());
    });
}
