"use strict";

{
    const NAME = "automatic map";
    /** The way that takes texts. */
    const PROMPT = "prompt";
    const POLL_MS = 300;
    /** In which the page settles after a change of source. */
    const SETTLE_MS = 500;
    const PROGRESS = "./internal/progress";
    /** Longest side of the small pictures that choose a part. */
    const SMALL = 72;
    /**
     * Which of a made map's values shall change, as Python computes it.
     * @type {Object<string, {label: string, of: (value: number) => number}>}
     */
    const PARTS = {
        high: { label: "Found, bright, near", of: (value) => value },
        low: { label: "All the rest, far", of: (value) => 1 - value },
        middle: { label: "In between", of: (value) => 1 - Math.abs(2 * value - 1) },
    };
    const UNUSED = "The map below is not used: each run makes its own. Make map shows that instead.";
    const REPLACED = "This took the place of your map. Undo brings that back.";
    /** What a map is made by, besides the picture: another one of these is another map. */
    const TEXTS = ["auto_prompt", "auto_against"];

    /**
     * Makes the map of the picture that is there, shows it in the painter, and chooses which part of it changes. Left
     * alone, Python makes it anew for each picture of a run; painted on, it is a map like any other.
     */
    class AutomaticMap {
        #container;
        #page;
        #fields;
        #run = new globalThis.diffdiff.HostRun();
        #make;
        #stop;
        #bar;
        #note;
        #parts = {};
        #count = 0;
        /** What the painter shows, and what it was made of; null where it shows nothing of ours. */
        #shown = null;
        /** What the map of the small pictures was made of, as `#wanted` gives it but for the part. */
        #parted = "";
        #isMaking = false;

        /**
         * @param {HTMLElement} container
         * @param {HostPage} page
         * @param {PanelFields} fields
         */
        constructor(container, page, fields) {
            const { element } = globalThis.diffdiff;
            this.#container = container;
            this.#page = page;
            this.#fields = fields;
            this.#make = this.#button("Make map", "diffdiff-make", () => this.#show());
            this.#stop = this.#button("Stop", "diffdiff-stop", () => this.#run.interrupt());
            this.#bar = element("progress", "", { max: 1, value: 0 });
            this.#bar.setAttribute("aria-label", "Progress of the map");
            this.#note = element("span", "");
            this.#note.setAttribute("role", "status");
            const parts = element("div", "diffdiff-parts", {}, Object.keys(PARTS).map((part) => this.#partButton(part)));
            const making = element("div", "diffdiff-making", {}, [this.#make, this.#stop, this.#bar, this.#note]);
            container.replaceChildren(element("div", "diffdiff-automatic", {}, [parts, making]));
            this.#showMaking(false);
            this.#showParts(null);
            // what is pasted or painted tells nobody
            setInterval(() => this.#look(), POLL_MS);
            page.guardGenerate(
                () => this.#isPaintedOn,
                () => this.#becomeOrdinary(),
            );
        }

        #button(textContent, name, onClick) {
            const button = globalThis.diffdiff.element("button", name, { type: "button", textContent });
            button.addEventListener("click", onClick);
            return button;
        }

        #partButton(part) {
            const { element } = globalThis.diffdiff;
            const canvas = element("canvas", "");
            const { label: textContent } = PARTS[part];
            const button = element("button", "", { type: "button" }, [canvas, element("span", "", { textContent })]);
            button.addEventListener("click", () => this.#fields.choose("auto_part", part));
            this.#parts[part] = { button, canvas };
            return button;
        }

        // ---- making ----

        /** Makes the map and shows it; where that fails, what the painter shows stays. */
        async #show() {
            const made = this.#asked;
            const isReplacing = this.#shown === null && globalThis.diffdiff.painter.inForce !== null;
            if (!made.source) return this.#say("Put a picture into the img2img tab first.");
            this.#showMaking(true);
            this.#say("");
            try {
                const picture = await globalThis.diffdiff.dataUrl(await (await fetch(made.source)).blob());
                const url = await this.#request({ picture, ...this.#wanted });
                await this.#renewParts(picture, made.part === "high" ? url : null);
                await globalThis.diffdiff.painter.take(new File([await (await fetch(url)).blob()], NAME, { type: "image/png" }));
                this.#shown = { ...made, map: globalThis.diffdiff.painter.inForce };
                this.#say(isReplacing ? REPLACED : "");
            } catch (error) {
                if (this.#shown) this.#shown = { ...made, map: this.#shown.map };
                this.#say(error.message);
            } finally {
                this.#showMaking(false);
            }
        }

        /** @param {?string} url of the map whose bright parts change, where it is at hand */
        async #renewParts(picture, url) {
            const wanted = { picture, ...this.#wanted, auto_part: "high" };
            const parted = JSON.stringify(wanted);
            if (parted === this.#parted) return;
            await this.#showParts(url ?? (await this.#request(wanted)));
            this.#parted = parted;
        }

        /** Asks Python, by two hidden fields and a hidden button. @returns {Promise<string>} data URL of a grey PNG */
        async #request(values) {
            const number = ++this.#count;
            const task = `task(diffdiff-map-${number}-${Date.now()})`;
            this.#fields.setText("map_request", JSON.stringify({ number, task, ...values }));
            await pause(POLL_MS);
            gradioApp().querySelector("#diffdiff_make_map").click();
            for (;;) {
                await pause(POLL_MS);
                const answer = JSON.parse(this.#fields.text("map_answer") || "{}");
                if (answer.number === number) {
                    if (answer.error) throw new Error(answer.error);
                    return answer.map;
                }
                await this.#showProgress(task);
            }
        }

        async #showProgress(id_task) {
            const headers = { "Content-Type": "application/json" };
            const reply = await fetch(PROGRESS, { method: "POST", headers, body: JSON.stringify({ id_task, live_preview: false }) });
            if (!reply.ok) return;
            this.#bar.value = (await reply.json()).progress ?? 0;
            this.#say(`Making the map: ${Math.round(100 * this.#bar.value)} %`);
        }

        get #wanted() {
            const texts = Object.fromEntries(TEXTS.map((key) => [key, this.#fields.text(key)]));
            const { auto, equalise, part: auto_part } = this.#asked;
            return { auto, ...texts, equalise, auto_part, prompt: this.#run.read("prompt") };
        }

        /** What the next map is made of. */
        get #asked() {
            const [prompt, against] = TEXTS.map((key) => this.#fields.text(key));
            return {
                source: this.#page.pictureSource ?? null,
                auto: this.#fields.text("auto"),
                text: prompt || this.#run.read("prompt"),
                against,
                equalise: this.#fields.box("equalise").querySelector("input").checked,
                part: this.#fields.choice("auto_part"),
                polarity: this.#fields.choice("polarity"),
            };
        }

        // ---- what becomes of it ----

        #look() {
            const texts = gradioApp().querySelector("#diffdiff_auto_texts");
            if (!texts) return; // the WebUI is taking its page away
            const part = this.#fields.choice("auto_part");
            for (const [name, { button }] of Object.entries(this.#parts)) button.setAttribute("aria-pressed", String(name === part));
            texts.hidden = this.#fields.text("auto") !== PROMPT;
            this.#container.dataset.shows = this.#shown ? "made" : "other"; // in the painter, as full screen has to know
            if (this.#isMaking) return;
            if (this.#fields.choice("source") !== "auto") this.#shown = null;
            else if (!this.#shown) this.#tellOfAnotherMap();
            else if (this.#isPaintedOn) this.#becomeOrdinary();
            else if (Object.entries(this.#asked).some(([key, value]) => this.#shown[key] !== value)) this.#renew();
        }

        /** The painter may still show what another source has use for. */
        #tellOfAnotherMap() {
            const isThere = globalThis.diffdiff.painter.inForce !== null;
            if (isThere && !this.#note.textContent) this.#say(UNUSED);
            if (!isThere && this.#note.textContent === UNUSED) this.#say("");
        }

        get #isPaintedOn() {
            const { inForce } = globalThis.diffdiff.painter;
            const isOurs = this.#shown !== null && !this.#isMaking && this.#fields.choice("source") === "auto";
            return isOurs && inForce !== this.#shown.map && this.#fields.choice("polarity") === this.#shown.polarity;
        }

        async #becomeOrdinary() {
            this.#shown = null;
            this.#say("");
            await keptInPlace(gradioApp().querySelector("#diffdiff_painter"), () => this.#fields.choose("source", "map"));
        }

        /** The map that is shown is not the one that a run would make. What no text has to be asked for is made at once. */
        #renew() {
            const asked = this.#asked;
            const isSame = (...keys) => keys.every((key) => this.#shown[key] === asked[key]);
            if (!isSame("source")) {
                this.#shown = null;
                globalThis.diffdiff.painter.drop();
                this.#showParts(null);
            } else if (isSame("auto", "text", "against")) this.#show();
            else {
                this.#shown = { ...asked, map: this.#shown.map };
                this.#say("The map below is of other settings: a run makes a new one. Make map shows it.");
            }
        }

        // ---- looks ----

        #say(message) {
            this.#note.textContent = message;
        }

        #showMaking(isMaking) {
            this.#isMaking = isMaking;
            this.#make.hidden = isMaking;
            this.#stop.hidden = this.#bar.hidden = !isMaking;
            this.#bar.value = 0;
        }

        /** @param {?string} url of the map whose bright parts change; null for a mere example */
        async #showParts(url) {
            const { loadImage, luminance, readColours } = globalThis.diffdiff;
            const image = url && (await loadImage(url));
            const scale = image ? SMALL / Math.max(image.width, image.height) : 1;
            const [width, height] = image ? [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale))) : [SMALL, SMALL / 2];
            const values = image ? luminance(readColours(image, width, height)) : null;
            for (const [part, { canvas }] of Object.entries(this.#parts)) {
                Object.assign(canvas, { width, height });
                const pixels = new ImageData(width, height);
                for (let i = 0; i < width * height; i++) {
                    const value = values ? values[i] / 255 : (i % width) / (width - 1);
                    const grey = 255 * PARTS[part].of(value);
                    pixels.data.set([grey, grey, grey, 255], 4 * i);
                }
                canvas.getContext("2d").putImageData(pixels, 0, 0);
            }
        }
    }

    function pause(milliseconds) {
        return new Promise((resolve) => setTimeout(resolve, milliseconds));
    }

    /** Does what shows or hides parts of the page, while `element` stays where it is seen. */
    async function keptInPlace(element, change) {
        const before = element.getBoundingClientRect().top;
        change();
        for (const end = performance.now() + SETTLE_MS; performance.now() < end; ) {
            window.scrollBy({ top: element.getBoundingClientRect().top - before, behavior: "instant" });
            await new Promise(requestAnimationFrame);
        }
    }

    onUiLoaded(() => {
        const { HostPage, PanelFields } = globalThis.diffdiff;
        const container = gradioApp().querySelector("#diffdiff_auto_tools");
        if (container) new AutomaticMap(container, new HostPage(), new PanelFields());
    });
}
