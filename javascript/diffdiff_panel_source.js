"use strict";

{
    const SETTLE_MS = 250;
    /** Longest side of the copy of the mask that is looked at. */
    const LONGEST = 256;
    /** Browsers that add noise to canvases turn black into nearly black. */
    const FAINTEST = 8;
    /** Softness of an inpaint mask, as a share of the picture's longer side. */
    const USUAL_SOFTNESS = 1 / 48;

    /**
     * Softness for an inpaint mask, where the user chose none.
     * @param {{width: number, height: number, scale: number}} mask `scale` mask pixels make one of the picture's
     * @returns {number} in pixels of the picture
     */
    function automaticSoftness({ width, height, scale }) {
        return Math.round((Math.max(width, height) / scale) * USUAL_SOFTNESS);
    }

    /**
     * Where the strength comes from and how soft a mask is, for users who leave that open: a mask without a map is meant
     * as the source, softened. It ends the same in whatever order mask, map and switch come, and what the user chose stays.
     */
    class SourceChoice {
        #page;
        #fields;
        /** What the fields held when they were last looked at: another value is the user's choice. */
        #source;
        #softness;
        #isSourceChosen = false;
        #isSoftnessChosen;
        #isOwnClick = false;
        #timer = null;
        #deciding = null;

        /**
         * @param {HostPage} page
         * @param {PanelFields} fields
         */
        constructor(page, fields) {
            this.#page = page;
            this.#fields = fields;
            this.#source = fields.choice("source");
            this.#softness = fields.number("softness");
            this.#isSoftnessChosen = this.#softness !== 0;
            fields.box("source").addEventListener("click", () => (this.#isSourceChosen ||= !this.#isOwnClick));
            fields.box("softness").addEventListener("input", ({ isTrusted }) => (this.#isSoftnessChosen ||= isTrusted));
            // what is painted on the hosts' canvases, and what a script or Python sets, tells nobody
            for (const type of ["pointerup", "keyup", "input", "change"]) document.addEventListener(type, () => this.#soon(), true);
            page.watchPicture(() => this.#soon());
            page.guardGenerate(
                () => this.#timer !== null || this.#deciding !== null,
                () => this.#decideNow(),
            );
        }

        #soon() {
            clearTimeout(this.#timer);
            this.#timer = setTimeout(() => this.#decideNow(), SETTLE_MS);
        }

        async #decideNow() {
            clearTimeout(this.#timer);
            this.#timer = null;
            this.#deciding ??= this.#decide().finally(() => (this.#deciding = null));
            await this.#deciding;
        }

        async #decide() {
            if (!this.#fields.isEnabled) return;
            this.#noticeChoices();
            const isOpen = !this.#isSourceChosen && this.#source !== "fan";
            if (!isOpen && (this.#source !== "mask" || this.#isSoftnessChosen)) return this.#soften(null);
            const mask = await this.#mask();
            if (isOpen) this.#choose(mask && !this.#fields.text("map") ? "mask" : "map");
            this.#soften(mask);
        }

        #noticeChoices() {
            const [source, softness] = [this.#fields.choice("source"), this.#fields.number("softness")];
            this.#isSourceChosen ||= source !== this.#source;
            this.#isSoftnessChosen ||= softness !== this.#softness;
            this.#source = source;
            this.#softness = softness;
        }

        #choose(source) {
            if (source === this.#source) return;
            this.#source = source;
            this.#isOwnClick = true;
            this.#fields.choose("source", source);
            this.#isOwnClick = false;
        }

        /** A map that was painted is taken as it is. */
        #soften(mask) {
            if (this.#isSoftnessChosen) return;
            const softness = this.#source !== "mask" ? 0 : mask ? automaticSoftness(mask) : this.#softness;
            if (softness === this.#softness) return;
            this.#softness = softness;
            this.#fields.setNumber("softness", softness);
        }

        async #mask() {
            const mask = await this.#page.greyMask(LONGEST);
            return mask?.pixels.some((value) => value > FAINTEST) ? mask : null;
        }
    }

    onUiLoaded(() => {
        const { HostPage, PanelFields } = globalThis.diffdiff;
        if (gradioApp().querySelector("#diffdiff_source")) new SourceChoice(new HostPage(), new PanelFields());
    });
}
