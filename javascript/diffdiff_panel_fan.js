"use strict";

{
    const LABEL = "Differential Diffusion";

    /** The strength fan's button, and the strengths that are picked from a labelled fan in the gallery. */
    class StrengthFan {
        #page;
        #fields;
        #note = null;

        /**
         * @param {HTMLElement} button
         * @param {HostPage} page
         * @param {PanelFields} fields
         */
        constructor(button, page, fields) {
            this.#page = page;
            this.#fields = fields;
            button.addEventListener("click", () => this.run());
            document.addEventListener("click", (event) => this.#onClick(event), true);
        }

        /** Makes the next run a fan, and that one only: Python takes each tag once. */
        run() {
            if (this.#page.isRunning) return;
            this.#fields.setText("tag", `fan:${crypto.getRandomValues(new Uint32Array(4)).join("-")}`);
            setTimeout(() => this.#page.generate());
        }

        #onClick(event) {
            if (!(event.target instanceof Element)) return;
            if (event.target.closest("#img2img_generate")) this.#note?.remove();
            const picture = this.#largePicture(event.target);
            const fan = picture && readFan(this.#page.selectedInfotext);
            if (!fan || event.shiftKey || event.ctrlKey || event.metaKey) return;
            event.preventDefault();
            event.stopImmediatePropagation();
            this.#pick(fan, partAt(fan, picture, event));
        }

        /** @returns {?HTMLImageElement} the gallery's large picture, if that is what was clicked */
        #largePicture(target) {
            const picture = target.closest("#img2img_gallery button, #img2img_gallery .preview, #img2img_gallery img");
            if (!picture || target.closest(".thumbnails, .thumbnail-item, .icon-buttons")) return null;
            return target instanceof HTMLImageElement ? target : null;
        }

        async #pick(fan, index) {
            const strength = fan.strengths[index];
            this.#page.denoising = strength;
            const isOff = await this.#leaveFan();
            const { steps, of } = this.#page.freeSteps(strength, strength);
            this.#tell(
                `Denoising strength is now ${strength}: ${steps} of ${of} steps.${isOff ? ` ${LABEL} is off: there is no map and no mask.` : ""}`,
                fan.strengths[Math.max(0, index - 1)],
                fan.strengths[Math.min(fan.strengths.length - 1, index + 1)],
            );
        }

        /** Turns to the source that is there for an ordinary run. @returns {Promise<boolean>} whether there is none */
        async #leaveFan() {
            if (!this.#fields.isEnabled) return false;
            const sources = [];
            if (this.#fields.text("map")) sources.push("map");
            if (await this.#page.inpaintMask()) sources.push("mask");
            if (sources.includes(this.#fields.choice("source"))) return false;
            if (sources.length) this.#fields.choose("source", sources[0]);
            else this.#fields.switchOff();
            return sources.length === 0;
        }

        #tell(message, from, to) {
            const { element } = globalThis.diffdiff;
            this.#note?.remove();
            const zoom = element("button", "diffdiff-zoom", { textContent: `Zoom in: ${from} to ${to}` });
            zoom.addEventListener("click", () => this.#zoomIn(from, to));
            this.#note = element("div", "diffdiff-picked", {}, [element("span", "", { textContent: message }), ...(from === to ? [] : [zoom])]);
            this.#note.setAttribute("role", "status");
            gradioApp().querySelector("#img2img_gallery").insertAdjacentElement("afterend", this.#note);
        }

        #zoomIn(from, to) {
            this.#fields.setText("fan_strengths", "");
            this.#fields.setNumber("fan_from", from);
            this.#fields.setNumber("fan_to", to);
            this.run();
        }
    }

    /**
     * @param {string} infotext
     * @returns {?{strengths: number[], ends: number[], start: number, isRows: boolean}} the fan that a labelled picture
     *     shows: pixels along its axis, from `start`; null for any other picture
     */
    function readFan(infotext) {
        if (valueOf(infotext, "picture") !== "labelled fan") return null;
        const pixels = valueOf(infotext, "fan pixels").split(" ").map((range) => range.split("-").map(Number));
        return {
            strengths: valueOf(infotext, "fan").split(" ").map(Number),
            start: pixels[0][0],
            ends: pixels.map(([, end]) => end),
            isRows: valueOf(infotext, "fan axis") === "rows",
        };
    }

    /** A prompt may contain the same words: the last ones are ours. */
    function valueOf(infotext, name) {
        const label = `${LABEL} ${name}: `;
        const at = infotext.lastIndexOf(label);
        return at < 0 ? "" : infotext.slice(at + label.length).split(/[,\n]/)[0];
    }

    /**
     * @param {HTMLImageElement} picture shown as a whole inside its box; its bar lies across the fan's axis
     * @returns {number} index of the part under the pointer
     */
    function partAt(fan, picture, { clientX, clientY }) {
        const box = picture.getBoundingClientRect();
        const fit = getComputedStyle(picture).objectFit;
        let scale = Math.min(box.width / picture.naturalWidth, box.height / picture.naturalHeight);
        if (fit === "scale-down") scale = Math.min(1, scale);
        const length = scale * (fan.isRows ? picture.naturalHeight : picture.naturalWidth);
        const offset = fan.isRows ? clientY - box.top - (box.height - length) / 2 : clientX - box.left - (box.width - length) / 2;
        const at = fan.start + (offset / length) * (fan.ends.at(-1) - fan.start);
        const index = fan.ends.findIndex((end) => at < end);
        return index < 0 ? fan.ends.length - 1 : index;
    }

    onUiLoaded(() => {
        const { HostPage, PanelFields } = globalThis.diffdiff;
        const button = gradioApp().querySelector("#diffdiff_fan");
        if (button) new StrengthFan(button, new HostPage(), new PanelFields());
    });
}
