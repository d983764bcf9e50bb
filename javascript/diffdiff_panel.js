"use strict";

{
    /** Longest side of the small pictures. */
    const LONGEST = 192;
    const WATCH_MS = 100;
    /** Below half a grey value nothing is soft any more. */
    const FAINTEST = 0.5 / 255;
    /** As in Python: a map that is nowhere above this was hardly meant. */
    const FAINT = 5 / 255;
    /** With more strengths than these, the steps between them cannot be seen. */
    const FEW = 10;
    const EDGE = [249, 115, 22];
    const CORE = [255, 255, 255];

    const field = (key) => gradioApp().querySelector(`#diffdiff_${key}`);

    /** The panel's own settings, as they stand in its fields. */
    class PanelFields {
        get isEnabled() {
            return gradioApp().querySelector("#diffdiff-checkbox input")?.checked ?? false;
        }

        /** @returns {HTMLElement} */
        box(key) {
            return field(key);
        }

        choice(key) {
            return field(key)?.querySelector("input:checked")?.value;
        }

        number(key) {
            return Number.parseFloat(field(key)?.querySelector("input[type=number]")?.value) || 0;
        }

        /** @returns {{black: number, white: number, gamma: number}} */
        get levels() {
            return { black: this.number("black"), white: this.number("white"), gamma: this.number("gamma") };
        }

        text(key) {
            return field(key)?.querySelector("textarea, input")?.value ?? "";
        }

        setNumber(key, value) {
            globalThis.diffdiff.writeField(field(key).querySelector("input[type=number]"), value);
        }

        /** @param {Object<string, number>} values by key */
        setNumbers(values) {
            const changes = Object.entries(values).map(([key, value]) => [field(key).querySelector("input[type=number]"), value]);
            return globalThis.diffdiff.writeFields(changes);
        }

        setText(key, value) {
            globalThis.diffdiff.writeField(field(key).querySelector("textarea, input"), value);
        }

        choose(key, value) {
            field(key).querySelector(`input[value="${value}"]`).click();
        }

        /** The fan's strengths in order; empty when what is typed cannot be read. @returns {number[]} */
        get fanStrengths() {
            const typed = this.text("fan_strengths").trim();
            if (typed) {
                const strengths = typed.split(/[,;\s]+/).filter(Boolean).map(Number);
                return strengths.every((s) => s >= 0 && s <= 1) && strengths.length >= 2 ? strengths : [];
            }
            const [count, from, to] = ["fan_count", "fan_from", "fan_to"].map((key) => this.number(key));
            return Array.from({ length: count }, (_, i) => Math.round(1000 * (from + ((to - from) * i) / (count - 1))) / 1000);
        }
    }

    /** A small picture of the change map that the next run will use, kept up to date while it is on the screen. */
    class MapPreview {
        #page;
        #fields = new PanelFields();
        #root;
        #map = document.createElement("canvas");
        #zone = document.createElement("canvas");
        #told = document.createElement("canvas");
        #steps;
        #note;
        #touches = 0;
        #seen = [];
        #reduced = {};
        #timer = null;
        #isDrawing = false;

        /**
         * @param {HTMLElement} container
         * @param {HostPage} page
         */
        constructor(container, page) {
            const { element } = globalThis.diffdiff;
            this.#page = page;
            const captions = [
                [this.#map, "The next run's map: white changes most"],
                [this.#zone, "Change ends at the orange line, is full inside the white one"],
                [this.#told, "What so few steps make of the map"],
            ];
            const figures = captions.map(([canvas, textContent]) =>
                element("figure", "", { hidden: true }, [canvas, element("figcaption", "", { textContent })]),
            );
            this.#steps = element("div", "diffdiff-preview-steps");
            this.#note = element("div", "diffdiff-preview-note");
            this.#note.setAttribute("role", "status");
            const words = element("div", "diffdiff-preview-words", {}, [this.#steps, this.#note]);
            this.#root = element("div", "diffdiff-preview", {}, [...figures, words]);
            container.replaceChildren(this.#root);
            // a mask that is painted on a canvas changes no value and no element
            for (const type of ["pointerup", "keyup"]) document.addEventListener(type, () => this.#touches++);
            new IntersectionObserver(([{ isIntersecting }]) => this.#watch(isIntersecting)).observe(container);
        }

        #watch(isShown) {
            clearInterval(this.#timer);
            if (!isShown) return;
            this.#timer = setInterval(() => this.#check(), WATCH_MS);
            this.#check();
        }

        #check() {
            const { maskSource, pictureSource, isMaskInverted, denoising, ownSoftening } = this.#page;
            const { width, height, isCropped } = this.#page.reshaping(Boolean(maskSource)) ?? {};
            const { steps, of } = this.#page.freeSteps(1);
            const fields = ["source", "polarity", "softness_side", "fan_axis"].map((key) => this.#fields.choice(key));
            const state = [
                maskSource,
                maskSource instanceof HTMLCanvasElement && this.#touches,
                pictureSource,
                isMaskInverted,
                ...[denoising, steps, of, ownSoftening.join()],
                ...[width, height, isCropped],
                ...[globalThis.diffdiff.painter.inForce, this.#fields.number("softness"), this.#fields.number("minimum")],
                ...[this.#fields.fanStrengths.join(), ...fields, ...Object.values(this.#fields.levels)],
            ];
            if (this.#isDrawing || state.every((value, i) => value === this.#seen[i])) return;
            this.#seen = state;
            this.#isDrawing = true;
            this.#draw().finally(() => (this.#isDrawing = false));
        }

        async #draw() {
            const source = this.#page.pictureSource;
            const picture = source ? await globalThis.diffdiff.loadImage(source) : null;
            // not from the hidden field: some browsers add noise to what a canvas shows of a picture
            const map = this.#usesMap ? globalThis.diffdiff.painter.inForce : null;
            const mask = await this.#mask();
            const missing = this.#missing(picture, map, mask);
            const isShown = picture !== null && missing === "";
            for (const canvas of [this.#map, this.#zone]) canvas.parentElement.hidden = !isShown;
            this.#told.parentElement.hidden = true;
            this.#steps.textContent = "";
            this.#note.textContent = [missing, this.#unused()].filter(Boolean).join(" ");
            if (!isShown) return;

            const shape = this.#page.reshaping(mask !== null);
            const canvas = reduced(shape ?? picture);
            const placed = shape ? globalThis.diffdiff.placement(picture, canvas, shape.isCropped) : { x: 0, y: 0, ...canvas };
            const plane = this.#compose(map, mask, placed, canvas, placed.width / picture.width);
            this.#showMap(plane);
            this.#showZone(plane, picture, placed);
            this.#showSteps(plane);
            const caution = this.#caution(plane, map !== null, mask !== null);
            this.#note.textContent = [caution, this.#unused()].filter(Boolean).join(" ");
        }

        get #usesMap() {
            return this.#fields.choice("source") !== "mask";
        }

        /** @returns {Promise<?Plane>} the host's mask; null when nothing is painted */
        async #mask() {
            const mask = await this.#page.greyMask(LONGEST);
            if (!mask?.pixels.some(Boolean)) return null;
            const isInverted = this.#page.isMaskInverted;
            return { ...mask, values: Float32Array.from(mask.pixels, (value) => (isInverted ? 255 - value : value) / 255) };
        }

        /** What the user has to do before there is a map; empty when nothing. */
        #missing(picture, map, mask) {
            const source = this.#fields.choice("source");
            if (source === "map" && !map && mask) return "Choose “Inpaint mask” above, or paint or import a change map.";
            if (source === "map" && !map) return "Paint above how much each part may change, or import a change map.";
            if (source === "auto" && !map) return "The map is made of each picture when you generate. Make map shows it now.";
            if (source === "mask" && !mask) return "Paint or upload a mask in one of the Inpaint tabs above.";
            if (source === "fan" && !this.#fields.fanStrengths.length) return "The fan takes 2 to 10 strengths from 0 to 1.";
            const { black, white } = this.#fields.levels;
            if (black >= white) return "Levels: black must be below white.";
            return picture ? "" : "Put a picture into the img2img tab.";
        }

        /** Why the run will change nothing, or almost nothing; empty when it will. */
        #caution({ values }, hasMap, hasMask) {
            const peak = values.reduce((most, value) => Math.max(most, value), 0);
            if (peak > FAINT) return "";
            const what = hasMap ? "the map" : "the inpaint mask";
            const where = hasMap && hasMask ? "everywhere inside the inpaint mask" : "everywhere";
            if (peak > 0) return `Almost nothing will change: ${what} is ${(100 * peak).toFixed(1)} % or less ${where}.`;
            const whiteKeeps = hasMap && this.#fields.choice("polarity") === "white keeps";
            return `Nothing will change: ${what} is ${whiteKeeps ? `white ${where}, and white keeps` : `black ${where}`}.`;
        }

        /** What of the host's is without effect while ours is on; empty when nothing. */
        #unused() {
            const ways = this.#page.ownSoftening;
            return ways.length ? `Not used while this is on: ${ways.join(", ")}. Softness takes its place.` : "";
        }

        /**
         * The change map as Python makes it, without the fan's parts.
         * @param {Rect} placed where the picture lies on `canvas`
         * @param {number} scale of its pixels make one of the picture
         */
        #compose(map, mask, placed, canvas, scale) {
            const { pixelsShown, outpainted } = globalThis.diffdiff;
            const softness = this.#fields.number("softness") * scale;
            const { values } = this.#overPicture(map, mask, placed, softness);
            const plane = { ...canvas, values: Float32Array.from(pixelsShown(placed, canvas), (i) => values[i]) };
            return outpainted(plane, placed, softness);
        }

        #overPicture(map, mask, { width, height }, softness) {
            const { levelled, multiply, soften, softenMask } = globalThis.diffdiff;
            const values = map
                ? Float32Array.from(this.#small(map, width, height), (value) => value / 255)
                : new Float32Array(width * height).fill(1);
            let plane = { width, height, values };
            if (mask) plane = multiply(plane, mask);
            plane = levelled(plane, this.#fields.levels);
            const side = this.#fields.choice("softness_side");
            if (this.#fields.choice("source") !== "mask") return soften(plane, softness, side);
            const least = this.#fields.number("minimum");
            plane = softenMask(plane, softness, side);
            return { ...plane, values: plane.values.map((value) => Math.max(value, least)) };
        }

        /** A large map takes its time to be reduced, and most changes are of other settings. @returns {Uint8Array} */
        #small(map, width, height) {
            const { from, size, pixels } = this.#reduced;
            if (from === map && size === `${width} ${height}`) return pixels;
            this.#reduced = { from: map, size: `${width} ${height}`, pixels: globalThis.diffdiff.resample(map, width, height) };
            return this.#reduced.pixels;
        }

        #showMap(plane) {
            this.#paintGrey(this.#map, this.#isFan ? this.#fanOut(plane) : plane);
        }

        #paintGrey(canvas, plane) {
            this.#paint(canvas, plane, (pixels) => {
                plane.values.forEach((value, i) => pixels.fill(255 * value, 4 * i, 4 * i + 3));
                for (let i = 3; i < pixels.length; i += 4) pixels[i] = 255;
            });
        }

        #showZone(plane, picture, placed) {
            const { outline, readColours, pixelsShown } = globalThis.diffdiff;
            const highest = plane.values.reduce((most, value) => Math.max(most, value), 0);
            this.#paint(this.#zone, plane, (pixels) => {
                const colours = new Uint32Array(readColours(picture, placed.width, placed.height).buffer);
                new Uint32Array(pixels.buffer).set(pixelsShown(placed, plane).map((i) => colours[i]));
                const draw = (level, colour) => outline(plane, level).forEach((i) => pixels.set([...colour, 255], 4 * i));
                if (!highest) return;
                draw(highest - FAINTEST, CORE);
                draw(FAINTEST, EDGE);
            });
        }

        #paint(canvas, { width, height }, write) {
            Object.assign(canvas, { width, height });
            const image = new ImageData(width, height);
            write(image.data);
            canvas.getContext("2d").putImageData(image, 0, 0);
        }

        #showSteps(plane) {
            const { values } = this.#isFan ? this.#fanOut(plane) : plane;
            const strongest = this.#isFan ? Math.max(...this.#fields.fanStrengths) : this.#page.denoising;
            const full = this.#isFan ? 1 : this.#page.denoising;
            const stepsOf = (value) => this.#page.freeSteps(value * full, strongest).steps;
            const [least, most] = [Math.min, Math.max].map((pick) => values.reduce((a, b) => pick(a, b)));
            const { of } = this.#page.freeSteps(strongest);
            const share = Math.round(100 * most);
            const peak = share < 100 && !this.#isFan ? `, at ${share} % of the denoising strength` : "";
            this.#steps.textContent = `Darkest part: ${stepsOf(least)} of ${of} steps. Brightest: ${stepsOf(most)}${peak}.`;
            this.#showStrengths(plane, values, stepsOf);
        }

        /** How many strengths the run can tell apart, and where few are, what it makes of the map. */
        #showStrengths(plane, values, stepsOf) {
            const steps = Array.from({ length: 256 }, (_, grey) => stepsOf(grey / 255));
            const firsts = steps.flatMap((count, grey) => (count > (steps[grey - 1] ?? 0) ? [grey] : []));
            if (!firsts.length) return;
            const greys = firsts.length > 1 ? `greys from ${firsts.slice(0, -1).join(", ")} and ${firsts.at(-1)} on` : `grey ${firsts[0]} and above`;
            const which = firsts.length <= FEW ? `: ${greys}` : "";
            this.#steps.textContent += ` ${firsts.length} ${firsts.length > 1 ? "strengths" : "strength"} can be told apart${which}.`;
            this.#told.parentElement.hidden = firsts.length > FEW;
            if (firsts.length > FEW) return;
            const shown = Float32Array.from(values, (value) => stepsOf(value) / steps[255]);
            this.#paintGrey(this.#told, { ...plane, values: shown });
        }

        get #isFan() {
            return this.#fields.choice("source") === "fan";
        }

        #fanOut(plane) {
            return globalThis.diffdiff.fanOut(plane, this.#fields.fanStrengths, this.#fields.choice("fan_axis"));
        }
    }

    /** @param {{width: number, height: number}} size @returns {{width: number, height: number}} at most `LONGEST` a side */
    function reduced({ width, height }) {
        const scale = Math.min(1, LONGEST / Math.max(width, height));
        const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
        return { width: w, height: h };
    }

    onUiLoaded(() => {
        const container = field("preview");
        if (!container) return;
        new MapPreview(container, new globalThis.diffdiff.HostPage());
    });

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { PanelFields });
}
