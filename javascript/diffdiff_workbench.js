"use strict";

{
    const WATCH_MS = 150;
    /** gradio shows the gallery's new pictures a little after the run's end. */
    const SETTLE_MS = 300;
    const BEHIND = "diffdiff-behind";
    /** While the host has nothing to tell of a run yet, as when it loads its model. */
    const WAITING = "Waiting for the WebUI to begin";

    /**
     * The painter over the whole window, with what a run needs beside it: prompt, strength, softness, Generate, the fan,
     * the progress, and the result over the picture. The page lies below, and is as it was when this is left.
     */
    class Workbench {
        #root;
        #run = new globalThis.diffdiff.HostRun();
        #pictureSource;
        #hasMap;
        #comparison;
        #live;
        #controls = {};
        #buttons = {};
        #bar;
        #status;
        #use;
        #fields = new globalThis.diffdiff.PanelFields();
        #timer = null;
        #wasRunning = false;
        #shownResult = null;
        #left = null;

        /**
         * @param {HTMLElement} root of the painter
         * @param {HTMLElement} room that the result is laid over
         * @param {Object} handlers
         * @param {() => ?string} handlers.pictureSource URL of the picture that is painted on
         * @param {() => boolean} handlers.hasMap whether there is a map for a run
         * @param {() => void} handlers.resized the room is another
         */
        constructor(root, room, { pictureSource, hasMap, resized }) {
            const { element, Comparison } = globalThis.diffdiff;
            this.#root = root;
            this.#pictureSource = pictureSource;
            this.#hasMap = hasMap;
            this.resized = resized;
            this.#comparison = new Comparison(() => this.showMap());
            this.#live = element("img", "diffdiff-live", { alt: "Live preview", hidden: true });
            room.append(this.#live, this.#comparison.node);
            this.#bar = element("progress", "diffdiff-progress", { max: 1, value: 0 });
            this.#bar.setAttribute("aria-label", "Progress");
            this.#status = element("div", "diffdiff-status");
            this.#status.setAttribute("role", "status");
            this.#use = element("div", "diffdiff-use", { hidden: true }, [element("span", ""), this.#button("use", "", "", () => this.#useMap())]);
            this.#use.setAttribute("role", "status");
            const bench = element("div", "diffdiff-bench", {}, [
                this.#use,
                this.#field("prompt", element("textarea", "", { rows: 3 }), "Prompt"),
                this.#number("strength", "Denoising strength", { min: 0, max: 1, step: 0.01 }),
                this.#number("softness", "Softness (pixels)", { min: 0, max: 128, step: 1 }),
                element("div", "diffdiff-group", {}, [
                    this.#button("generate", "Generate", "diffdiff-primary", () => this.#run.generate(), "Ctrl+Enter"),
                    this.#button("fan", "Strength fan", "", () => this.#run.fan(), "the picture at several strengths, side by side"),
                    this.#button("interrupt", "Interrupt", "", () => this.#run.interrupt()),
                    this.#button("result", "Result", "", () => this.#showResult(), "V"),
                ]),
                this.#bar,
                this.#status,
            ]);
            const close = element("button", "diffdiff-icon diffdiff-close", { type: "button", title: "Leave full screen (Esc)", textContent: "✕" });
            close.setAttribute("aria-label", "Leave full screen");
            close.addEventListener("click", () => this.close());
            root.append(bench, close);
            document.addEventListener("fullscreenchange", () => {
                if (!document.fullscreenElement) this.close();
            });
            document.addEventListener("keydown", (event) => this.#onKey(event, true));
            document.addEventListener("keyup", (event) => this.#onKey(event, false));
        }

        get isOpen() {
            return this.#left !== null;
        }

        /** Whether a result hides the map. */
        get isComparing() {
            return this.#comparison.isShown;
        }

        /** @param {boolean} wasOff the effect was switched on for this: if no map comes of it, that is taken back */
        open(wasOff = false) {
            if (this.isOpen) return;
            this.#left = { wasOff, focus: document.activeElement, x: scrollX, y: scrollY };
            this.#root.classList.add("diffdiff-full");
            document.documentElement.classList.add(BEHIND);
            if (document.fullscreenEnabled) document.documentElement.requestFullscreen().catch(() => {}); // a window is enough
            this.#shownResult = this.#run.result?.source;
            this.#wasRunning = false;
            this.#timer = setInterval(() => this.#watch(), WATCH_MS);
            this.#watch();
            this.resized();
        }

        close() {
            if (!this.isOpen) return;
            clearInterval(this.#timer);
            this.showMap();
            this.#root.classList.remove("diffdiff-full");
            document.documentElement.classList.remove(BEHIND);
            if (document.fullscreenElement) document.exitFullscreen();
            this.#run.giveBack([...this.#root.querySelectorAll(".diffdiff-picked")]);
            const { wasOff, focus, x, y } = this.#left;
            this.#left = null;
            if (wasOff && this.#fields.choice("source") === "map" && !this.#hasMap()) this.#run.switchTo(false);
            this.resized();
            focus?.focus({ preventScroll: true });
            scrollTo(x, y);
        }

        showMap() {
            this.#comparison.hide();
        }

        #field(name, input, label) {
            const { element } = globalThis.diffdiff;
            input.setAttribute("aria-label", label);
            input.addEventListener("input", () => this.#run.write(name, input.value));
            this.#controls[name] = [...(this.#controls[name] ?? []), input];
            return element("label", "diffdiff-field", {}, [element("span", "", { textContent: label }), input]);
        }

        #number(name, label, range) {
            const { element } = globalThis.diffdiff;
            const box = this.#field(name, element("input", "diffdiff-slider", { type: "range", ...range }), label);
            const number = element("input", "diffdiff-number", { type: "number", ...range });
            this.#field(name, number, `${label}, as a number`);
            box.append(number);
            return box;
        }

        #button(name, textContent, className, onClick, title = "") {
            const button = globalThis.diffdiff.element("button", `diffdiff-text ${className}`, { type: "button", textContent, title });
            button.addEventListener("click", onClick);
            return (this.#buttons[name] = button);
        }

        #watch() {
            for (const [name, inputs] of Object.entries(this.#controls)) {
                const value = this.#run.read(name);
                for (const input of inputs) if (input !== document.activeElement && input.value !== value) input.value = value;
            }
            this.#showUse();
            const { progress } = this.#run;
            const isRunning = progress !== null;
            this.#bar.value = progress?.share ?? 0;
            this.#bar.classList.toggle("diffdiff-idle", !isRunning);
            if (isRunning) this.#status.textContent = progress.text || WAITING;
            this.#live.hidden = !progress?.picture;
            if (progress?.picture && this.#live.src !== progress.picture) this.#live.src = progress.picture;
            if (isRunning && !this.#wasRunning) this.showMap();
            if (!isRunning && this.#wasRunning) setTimeout(() => this.#finish(), SETTLE_MS);
            this.#wasRunning = isRunning;
            this.#buttons.interrupt.hidden = !isRunning;
            this.#buttons.generate.hidden = this.#buttons.fan.hidden = isRunning;
            this.#buttons.result.hidden = isRunning || this.#run.result === null;
            if (!isRunning && this.#run.error && this.#status.textContent !== this.#run.error) this.#status.textContent = this.#run.error;
            if (!isRunning && this.#run.result?.source !== this.#shownResult) this.#finish();
        }

        /** Says where a run does not use the map that is seen, and lets it. */
        #showUse() {
            const text = this.#whatIsUsed();
            this.#use.hidden = !text;
            const [words, button] = this.#use.children;
            if (words.textContent !== text) words.textContent = text;
            button.textContent = this.#fields.isEnabled ? "Use this map" : "Switch on";
        }

        /** @returns {string} empty where it is the map that is seen */
        #whatIsUsed() {
            if (!this.#fields.isEnabled) return "Differential Diffusion is off: a run changes the whole picture.";
            const isMade = gradioApp().querySelector("#diffdiff_auto_tools")?.dataset.shows === "made";
            const isAutomatic = this.#fields.choice("source") === "auto";
            return isAutomatic && !isMade ? "Automatic is in use: each run makes a map of its own." : "";
        }

        #useMap() {
            if (this.#fields.isEnabled) this.#fields.choose("source", "map");
            else this.#run.switchTo(true);
        }

        #finish() {
            if (!this.isOpen || this.#run.progress) return;
            this.#status.textContent = this.#run.error;
            if (!this.#run.error) this.#showResult();
        }

        #showResult() {
            const { result } = this.#run;
            const before = this.#pictureSource();
            this.#shownResult = result?.source;
            if (result && before) this.#comparison.show(before, result);
        }

        #onKey(event, isDown) {
            if (!this.isOpen || globalThis.diffdiff.isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
            if (event.key === "c") this.#comparison.hold(isDown);
            else if (event.key === "v" && isDown) this.isComparing ? this.showMap() : this.#showResult();
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Workbench });
}
