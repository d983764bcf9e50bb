"use strict";

{
    /** Of a soft edge's reach: as deep in a mask, be it a disc, the strength is at least 0.95. */
    const FULL = 1.15;
    /** Of the same: so far, a little more than in a square's corner, a mask may be from where it is that deep. */
    const NEAR = 1.7;
    const SETTLE_MS = 250;
    const BETWEEN_CHANGES_MS = 100;
    const MOST_CLICKS = 5;
    /** Longest side of the copy of the mask that is looked at. */
    const LONGEST = 256;
    /** Browsers that add noise to canvases turn black into nearly black. */
    const FAINTEST = 8;
    /** Softness of an inpaint mask, as a share of the picture's longer side. */
    const USUAL_SOFTNESS = 1 / 48;
    /** As in Python: a soft edge ends after this many standard deviations. */
    const SOFTNESS_REACH = 3;
    /** The side that the panel begins with. */
    const OPEN_SIDE = "both";

    /**
     * Softness for an inpaint mask, where the user chose none.
     * @param {{width: number, height: number, scale: number}} mask `scale` mask pixels make one of the picture's
     * @returns {number} in pixels of the picture
     */
    function automaticSoftness({ width, height, scale }) {
        return Math.round((Math.max(width, height) / scale) * USUAL_SOFTNESS);
    }

    /**
     * Where a mask is soft, if the user did not say: on both sides of its border, unless it is so narrow anywhere that its
     * middle would not get its full strength.
     * @param {{width: number, height: number, pixels: Uint8Array, scale: number}} mask
     * @param {number} softness in pixels of the picture
     * @returns {"both"|"outwards"}
     */
    function automaticSide({ width, height, pixels, scale }, softness) {
        const { distances } = globalThis.diffdiff;
        const reach = SOFTNESS_REACH * softness * scale;
        const toRest = distances({ width, height, values: pixels }, (value) => value <= FAINTEST);
        const toMiddle = distances({ width, height, values: toRest }, (distance) => distance >= FULL * reach);
        const isNarrow = pixels.some((value, i) => value > FAINTEST && toMiddle[i] > NEAR * reach);
        return isNarrow ? "outwards" : "both";
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
        #side;
        #isSourceChosen;
        #isSoftnessChosen;
        #isSideChosen;
        #isOwnClick = false;
        /** Whether the user has clicked a source since the fields were last looked at. */
        #isSourceClicked = false;
        /** The user's softness of masks (true) and of maps (false) when the source became one of the other kind. */
        #left = new Map();
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
            // another value than the usual is a default that the user has saved
            this.#isSourceChosen = this.#source !== "map";
            this.#isSoftnessChosen = this.#softness !== 0;
            this.#side = fields.choice("softness_side");
            this.#isSideChosen = this.#side !== OPEN_SIDE;
            fields.box("softness_side").addEventListener("click", () => (this.#isSideChosen ||= !this.#isOwnClick));
            fields.box("source").addEventListener("click", ({ isTrusted }) => {
                this.#isSourceChosen ||= !this.#isOwnClick;
                this.#isSourceClicked ||= isTrusted;
            });
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
            await this.#noticeChoices();
            const isOpen = !this.#isSourceChosen && this.#source !== "fan";
            if (!isOpen && (this.#source !== "mask" || this.#isSoftnessChosen)) return this.#soften(null);
            const mask = await this.#mask();
            if (isOpen) await this.#chooseSource(mask && !this.#fields.text("map") ? "mask" : "map");
            if (this.#fields.choice("source") === this.#source) await this.#soften(mask);
        }

        async #noticeChoices() {
            const [source, softness] = [this.#fields.choice("source"), this.#fields.number("softness")];
            const [before, isClicked] = [this.#source, this.#isSourceClicked];
            const isSoftnessKept = softness === this.#softness;
            this.#isSourceChosen ||= source !== before;
            this.#isSoftnessChosen ||= !isSoftnessKept;
            this.#isSideChosen ||= this.#fields.choice("softness_side") !== this.#side;
            this.#source = source;
            this.#softness = softness;
            this.#isSourceClicked = false;
            if (isSoftnessKept) await this.#changeKind(before, isClicked);
        }

        /** Masks have a softness of their own, that a painted map does not take over: it is exactly what was painted. */
        async #changeKind(before, isByHand) {
            const [wasMask, isMask] = [before === "mask", this.#source === "mask"];
            if (wasMask === isMask || !this.#isSoftnessChosen) return;
            this.#left.set(wasMask, this.#softness);
            const own = this.#left.get(isMask) ?? (isMask ? this.#softness : 0);
            if (!isByHand || own === this.#softness) return;
            this.#softness = own;
            await this.#fields.setNumbers({ softness: own });
        }

        async #chooseSource(source) {
            if (source === this.#source || this.#isSourceChosen) return; // the user was quicker
            const before = this.#source;
            this.#source = source;
            await this.#changeKind(before, false);
            await this.#choose("source", source, () => this.#isSourceChosen);
        }

        /** A map that was painted is taken as it is. What stands there since the fields were looked at is the user's. */
        async #soften(mask) {
            if (this.#isSoftnessChosen || this.#fields.number("softness") !== this.#softness) return;
            const isMask = this.#source === "mask";
            const softness = !isMask ? 0 : mask ? automaticSoftness(mask) : this.#softness;
            if (softness !== this.#softness) {
                this.#softness = softness;
                await this.#fields.setNumbers({ softness });
            }
            if (this.#isSideChosen || (isMask && !mask)) return;
            this.#side = isMask ? automaticSide(mask, softness) : OPEN_SIDE;
            await this.#choose("softness_side", this.#side);
        }

        /**
         * Gradio loses one of two changes that come at once, so a click is made again until it is in force.
         * @param {() => boolean} isChosen whether the user has chosen meanwhile
         */
        async #choose(key, value, isChosen = () => false) {
            for (let clicks = 0; clicks < MOST_CLICKS && !isChosen() && this.#fields.choice(key) !== value; clicks++) {
                this.#isOwnClick = true;
                this.#fields.choose(key, value);
                this.#isOwnClick = false;
                await new Promise((resolve) => setTimeout(resolve, BETWEEN_CHANGES_MS));
            }
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
