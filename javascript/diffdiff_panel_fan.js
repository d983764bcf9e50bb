"use strict";

{
    const LABEL = "Differential Diffusion";
    const RANDOM_SEED = -1;
    /** How long a ticket may take from Python, and from there to its run. */
    const PATIENCE_MS = 10000;
    const POLL_MS = 30;
    const GALLERY_SETTLES_MS = 300;

    /** A labelled fan as the gallery shows it large: which part lies where on the page. */
    class ShownFan {
        #fan;
        #box;

        /**
         * @param {Fan} fan
         * @param {HTMLImageElement} picture shown as a whole inside its box; its bar lies across the fan's axis
         */
        constructor(fan, picture) {
            this.#fan = fan;
            const box = picture.getBoundingClientRect();
            let scale = Math.min(box.width / picture.naturalWidth, box.height / picture.naturalHeight);
            if (getComputedStyle(picture).objectFit === "scale-down") scale = Math.min(1, scale);
            const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
            this.#box = new DOMRect(box.x + (box.width - width) / 2, box.y + (box.height - height) / 2, width, height);
        }

        /** @param {MouseEvent} pointer @returns {number} index of the part below it, -1 beside the picture */
        partAt({ clientX, clientY }) {
            const { left, right, top, bottom } = this.#box;
            if (clientX < left || clientX > right || clientY < top || clientY > bottom) return -1;
            const share = this.#fan.isRows ? (clientY - top) / (bottom - top) : (clientX - left) / (right - left);
            const { start, ends } = this.#fan;
            const index = ends.findIndex((end) => start + share * (ends.at(-1) - start) < end);
            return index < 0 ? ends.length - 1 : index;
        }

        /** @param {number} index of a part @returns {DOMRect} where it lies in the window */
        areaOf(index) {
            const { start, ends, isRows } = this.#fan;
            const [from, to] = [ends[index - 1] ?? start, ends[index]].map((at) => (at - start) / (ends.at(-1) - start));
            const { x, y, width, height } = this.#box;
            return isRows
                ? new DOMRect(x, y + from * height, width, (to - from) * height)
                : new DOMRect(x + from * width, y, (to - from) * width, height);
        }
    }

    /** The strength fan's button, and the strengths that are picked from a labelled fan in the gallery. */
    class StrengthFan {
        #page;
        #fields;
        #note = null;
        #marker;
        #freshUntil = 0;
        /** How often the map had become another when the fan was asked for. */
        #edits = 0;
        #lastInfo = "";
        /** The picked seed that stands where a random one was wanted; null where none does. */
        #heldSeed = null;

        /**
         * @param {HostPage} page
         * @param {PanelFields} fields
         */
        constructor(page, fields) {
            this.#page = page;
            this.#fields = fields;
            const { element } = globalThis.diffdiff;
            this.#marker = element("div", "diffdiff-part", { hidden: true }, [element("span", "")]);
            document.body.append(this.#marker);
            gradioApp().querySelector("#diffdiff_fan").title = "One run that shows several strengths side by side. Your settings stay.";
            document.addEventListener("click", (event) => this.#onClick(event), true);
            document.addEventListener("pointermove", (event) => this.#mark(event), { passive: true });
            document.addEventListener("scroll", () => (this.#marker.hidden = true), { capture: true, passive: true });
            const gallery = gradioApp().querySelector("#img2img_gallery");
            new MutationObserver(() => this.#onGallery(gallery)).observe(gallery, { childList: true, subtree: true });
        }

        /** Says what can be done with a new fan; shows a new result large, which the gallery leaves small after a fan. */
        async #onGallery(gallery) {
            await pause(GALLERY_SETTLES_MS);
            const info = this.#page.generationInfo;
            if (info === this.#lastInfo || !gallery.querySelector("img")) return;
            const wasFan = this.#lastInfo.includes(`${LABEL} picture: labelled fan`);
            this.#lastInfo = info;
            if (wasFan && !gallery.querySelector(".preview")) gallery.querySelector(".thumbnail-item")?.click();
            if (!readFan(this.#page.infotexts[0] ?? "")) return;
            this.#freshUntil = 0;
            const held = this.#isSeedHeld ? ` Seed ${this.#heldSeed} stays set.` : "";
            this.#tell(`Click the part that you like: its strength and the fan's seed are taken.${held}`);
        }

        #onClick(event) {
            if (!(event.target instanceof Element)) return;
            if (event.target.closest("#diffdiff_fan")) this.#onFanButton(event);
            else if (event.target.closest("#img2img_generate")) this.#onGenerate(event);
            else this.#onPicture(event);
        }

        /** gradio's own handler, which comes after this one, fetches a ticket: the next run that brings it is a fan. */
        async #onFanButton(event) {
            const before = this.#fields.text("tag");
            if (this.#page.isRunning) return stop(event);
            this.#freshUntil = Date.now() + PATIENCE_MS;
            this.#edits = globalThis.diffdiff.painter.edits;
            while (this.#fields.text("tag") === before) {
                if (Date.now() > this.#freshUntil) return this.#tell("The WebUI does not answer: no fan was started.");
                await pause(POLL_MS);
            }
            this.#freshUntil = Date.now() + PATIENCE_MS;
            this.#page.generate();
        }

        /**
         * A run that is not the fan's says so, also if the fan's own never came to Python. Where the map has been edited
         * since, it comes after no fan: what was cleared is missing, and Python says that.
         */
        async #onGenerate(event) {
            this.#forgetPick();
            const tag = this.#fields.text("tag");
            const next = globalThis.diffdiff.painter.edits === this.#edits ? tag.replace("fan:", "after:") : "";
            if (Date.now() < this.#freshUntil || next === tag) return;
            stop(event);
            this.#fields.setText("tag", next);
            await pause();
            this.#page.generate();
        }

        #onPicture(event) {
            const shown = this.#shownFan(event.target);
            const index = shown?.view.partAt(event) ?? -1;
            if (index < 0 || event.shiftKey || event.ctrlKey || event.metaKey) return;
            stop(event);
            this.#pick(shown.fan, index);
        }

        /** @returns {?{fan: Fan, view: ShownFan}} of the gallery's large picture, if `target` is that and shows a fan */
        #shownFan(target) {
            const isLarge =
                target instanceof HTMLImageElement &&
                target.closest("#img2img_gallery, .diffdiff-result") &&
                !target.closest(".thumbnails, .thumbnail-item, .icon-buttons, .livePreview");
            const fan = isLarge && readFan(target.dataset.infotext ?? this.#page.selectedInfotext);
            return fan ? { fan, view: new ShownFan(fan, target) } : null;
        }

        /** Frames the part below the pointer and says what a click on it does. */
        #mark(event) {
            const shown = event.pointerType === "touch" ? null : this.#shownFan(event.target);
            const index = shown?.view.partAt(event) ?? -1;
            this.#marker.hidden = index < 0;
            if (index < 0) return;
            const { x, y, width, height } = shown.view.areaOf(index);
            Object.assign(this.#marker.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
            this.#marker.firstChild.textContent = `Click: take ${shown.fan.strengths[index]}`;
        }

        async #pick(fan, index) {
            const strength = fan.strengths[index];
            const seedBefore = this.#page.number("seed");
            if (seedBefore === RANDOM_SEED || seedBefore === this.#heldSeed) this.#heldSeed = fan.seed;
            this.#leaveFan();
            await this.#page.setNumbers({ denoising_strength: strength, seed: fan.seed, subseed: fan.variationSeed });
            const { steps, of } = this.#page.freeSteps(strength, strength);
            const { from, to } = neighbours(fan, index);
            this.#tell(`Denoising strength ${strength} (${steps} of ${of} steps) and the fan's seed ${fan.seed} are set. The rest of the picture has a say in every part, so the whole may look otherwise.`, [
                ["diffdiff-generate-this", "Generate this", () => this.#page.generate()],
                from < to && ["diffdiff-zoom", `Zoom in: ${from} to ${to}`, () => this.#zoomIn(from, to)],
            ]);
        }

        /** A fan that was pasted as the source makes way for what is there for an ordinary run. */
        #leaveFan() {
            if (this.#fields.choice("source") !== "fan") return;
            this.#fields.choose("source", this.#fields.text("map") || !this.#page.maskSource ? "map" : "mask");
        }

        /** The next result is another, but a picked seed stays: that, and the way back, is still to be seen. */
        #forgetPick() {
            this.#note?.remove();
            if (this.#isSeedHeld) this.#tell(`Seed ${this.#heldSeed} stays set.`);
        }

        get #isSeedHeld() {
            return this.#heldSeed !== null && this.#page.number("seed") === this.#heldSeed;
        }

        async #releaseSeed() {
            this.#heldSeed = null;
            this.#note.remove();
            await this.#page.setNumbers({ seed: RANDOM_SEED });
        }

        /** Under the gallery, or beside the painter where that fills the window. @param {string} message @param {[string, string, () => void][]} buttons class, text, action */
        #tell(message, buttons = []) {
            const { element } = globalThis.diffdiff;
            const all = [...buttons, this.#isSeedHeld && ["diffdiff-random-seed", "Random seed again", () => this.#releaseSeed()]];
            const children = all.filter(Boolean).map(([name, textContent, action]) => {
                const button = element("button", `diffdiff-choice ${name}`, { type: "button", textContent });
                button.addEventListener("click", action);
                return button;
            });
            this.#note?.remove();
            this.#note = element("div", "diffdiff-picked", {}, [element("span", "", { textContent: message }), ...children]);
            this.#note.setAttribute("role", "status");
            const bench = gradioApp().querySelector(".diffdiff-full > .diffdiff-bench");
            if (bench) bench.append(this.#note);
            else gradioApp().querySelector("#img2img_gallery").after(this.#note);
        }

        async #zoomIn(from, to) {
            this.#fields.setText("fan_strengths", "");
            await this.#fields.setNumbers({ fan_from: from, fan_to: to });
            gradioApp().querySelector("#diffdiff_fan").click();
        }
    }

    function neighbours({ strengths }, index) {
        const near = [strengths[index - 1] ?? strengths[index], strengths[index + 1] ?? strengths[index]];
        return { from: Math.min(...near), to: Math.max(...near) };
    }

    /**
     * @typedef {Object} Fan
     * @property {number[]} strengths
     * @property {number} start first pixel of the first part, along the fan's axis
     * @property {number[]} ends pixel after each part's last
     * @property {boolean} isRows
     * @property {number} seed
     * @property {?number} variationSeed null where there was none
     */

    /**
     * @param {string} infotext
     * @returns {?Fan} the fan that a labelled picture shows; null for any other picture
     */
    function readFan(infotext) {
        if (valueOf(infotext, `${LABEL} picture`) !== "labelled fan") return null;
        const pixels = valueOf(infotext, `${LABEL} fan pixels`).split(" ").map((range) => range.split("-").map(Number));
        const variation = valueOf(infotext, "Variation seed");
        return {
            strengths: valueOf(infotext, `${LABEL} fan`).split(" ").map(Number),
            start: pixels[0][0],
            ends: pixels.map(([, end]) => end),
            isRows: valueOf(infotext, `${LABEL} fan axis`) === "rows",
            seed: Number(valueOf(infotext, "Seed")),
            variationSeed: variation ? Number(variation) : null,
        };
    }

    /** A prompt may contain the same words: the last ones are the WebUI's and ours. */
    function valueOf(infotext, label) {
        const found = [...infotext.matchAll(new RegExp(`(?:^|[,\\n] ?)${label}: ([^,\\n]*)`, "g"))];
        return found.at(-1)?.[1] ?? "";
    }

    function stop(event) {
        event.preventDefault();
        event.stopImmediatePropagation();
    }

    function pause(milliseconds = 0) {
        return new Promise((resolve) => setTimeout(resolve, milliseconds));
    }

    onUiLoaded(() => {
        const { HostPage, PanelFields } = globalThis.diffdiff;
        if (gradioApp().querySelector("#diffdiff_fan")) new StrengthFan(new HostPage(), new PanelFields());
    });
}
