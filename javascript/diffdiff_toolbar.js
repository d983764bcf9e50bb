"use strict";

{
    /** Outlines on a 20 x 20 grid. */
    const ICONS = {
        brush: "M16.5 3.5 9 11M8 11.5c-3 0-2.5 3.5-5 4.5 3.5 1.5 7 0 6.5-3z",
        eraser: "M8 16 3.5 11.5 11 4l5 5-7 7zM7 7.5l5.5 5.5M8 16h9",
        gradient: "M3 4h14v12H3zM6 4v12M8.5 4v12M12 4v12",
        radial: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 9.5v1",
        rectangle: "M3 5h14v10H3z",
        ellipse: "M10 5c4 0 7 2.2 7 5s-3 5-7 5-7-2.2-7-5 3-5 7-5",
        lasso: "M6 13.5C3.5 12.5 2.5 11 2.5 9 2.5 6 6 4 10 4s7.5 2 7.5 5-3.5 5-7.5 5c-1.5 0-2-.2-2-.2M6 12a1.5 1.5 0 1 0 .1 3M6.5 15c0 1.5-1 2-2 2.5",
        fill: "M9 3.5 15.5 10 9.5 16 3.5 10 10 3.5M4 10h11M17 13c1 1.5 1 3 0 3s-1-1.5 0-3",
        undo: "M7 4 3.5 7.5 7 11M4 7.5h8a4 4 0 0 1 0 8H8",
        redo: "M13 4l3.5 3.5L13 11M16 7.5H8a4 4 0 0 0 0 8h4",
        zoomIn: "M8.5 3.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10M12.5 12.5l4 4M8.5 6.5v4M6.5 8.5h4",
        zoomOut: "M8.5 3.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10M12.5 12.5l4 4M6.5 8.5h4",
        fit: "M3.5 4.5h13v11h-13zM6.5 7.5h7v5h-7z",
        fullScreen: "M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4",
    };

    const TOOLS = [
        { id: "brush", name: "Brush", keys: "B" },
        { id: "eraser", name: "Eraser", keys: "E" },
        { id: "gradient", name: "Gradient", keys: "G" },
        { id: "radial", name: "Radial gradient", keys: "Shift+G" },
        { id: "rectangle", name: "Rectangle", keys: "R" },
        { id: "ellipse", name: "Ellipse", keys: "Shift+R" },
        { id: "lasso", name: "Lasso", keys: "L", hint: "drag an outline, or click corner by corner" },
        { id: "fill", name: "Fill", keys: "F", hint: "a region of similar colour or similar strength" },
    ];

    const HISTORY = [
        { id: "undo", name: "Undo", keys: "Ctrl+Z" },
        { id: "redo", name: "Redo", keys: "Ctrl+Shift+Z" },
    ];

    const LOOK = [
        { id: "zoomOut", name: "Zoom out", keys: "-" },
        { id: "fit", name: "Fit", keys: "0", hint: "show the whole picture" },
        { id: "zoomIn", name: "Zoom in", keys: "+" },
        { id: "fullScreen", name: "Full screen" },
    ];

    /** Actions with a text label, in groups. */
    const ACTIONS = [
        [
            { id: "fillAll", name: "Fill all", hint: "the whole map with the strength above" },
            { id: "invert", name: "Invert" },
            { id: "blur", name: "Blur", label: "Blur…" },
            { id: "levels", name: "Levels", label: "Levels…" },
            { id: "clear", name: "Clear", hint: "no map any more; Undo brings it back" },
        ],
        [
            { id: "importMap", name: "Import map", label: "Import…", hint: "a picture file as the map; or drop it here, or paste it" },
            { id: "exportMap", name: "Export map", label: "Export", hint: "the map as a PNG file" },
            { id: "fromMask", name: "From inpaint mask", label: "From mask", hint: "start from the mask of the tab that is open above" },
            { id: "fromResult", name: "From last result", label: "From result", hint: "the gallery's picture as the map" },
        ],
    ];

    const share = { min: 0, max: 1, step: 0.01, show: (value) => value.toFixed(2) };
    const STROKES = ["brush", "eraser"];
    const GRADIENTS = ["gradient", "radial"];

    /** The settings' controls and the tools that each belongs to; without `tools`, all. Where a tool has one, it stands in
     * the `place` of style.css, whatever else the tool has. */
    const SLIDERS = [
        { id: "strength", name: "Strength", ...share, place: "first", tools: TOOLS.map(({ id }) => id).filter((id) => id !== "eraser"), hint: "[ ] with Shift" },
        { id: "end", name: "Second strength", label: "to", ...share, place: "second", tools: GRADIENTS, hint: "where the gradient ends" },
        { id: "size", name: "Size", min: 1, max: 512, step: 1, show: (value) => `${value} px`, place: "second", tools: STROKES, hint: "[ ]" },
        { id: "hardness", name: "Hardness", ...share, place: "third", tools: STROKES },
        { id: "tolerance", name: "Tolerance", ...share, place: "second", tools: ["fill"], hint: "how much a pixel may differ from the one clicked" },
        { id: "opacity", name: "Opacity", ...share, place: "fourth" },
    ];

    const FILL_BY = {
        id: "fillBy",
        name: "Similar by",
        label: "Similar",
        place: "third",
        tools: ["fill"],
        values: { picture: "picture colour", map: "map strength" },
    };

    /** How things are seen and felt, whatever the tool. */
    const PEN = { id: "pen", name: "Pen pressure", label: "Pen", values: { none: "no pressure", size: "→ size", opacity: "→ strength" } };
    const OVERLAY = { id: "overlay", name: "Overlay", ...share, hint: "how much of the map is seen over the picture" };
    const PALETTE = {
        id: "palette",
        name: "Overlay colours",
        values: { heat: "heat map", grey: "grey", contours: "contour lines" },
    };

    /** What the adjustments with a preview ask for. */
    const ADJUSTMENTS = {
        blur: [{ id: "sigma", name: "Radius", min: 0, max: 100, step: 0.5, value: 8, show: (value) => `${value} px` }],
        levels: [
            { id: "black", name: "Black", min: 0, max: 0.99, step: 0.01, value: 0, show: share.show },
            { id: "white", name: "White", min: 0.01, max: 1, step: 0.01, value: 1, show: share.show },
            { id: "gamma", name: "Gamma", min: 0.1, max: 5, step: 0.05, value: 1, show: share.show },
        ],
    };

    /** @returns {HTMLElement} */
    function element(tag, className, properties = {}, children = []) {
        const node = Object.assign(document.createElement(tag), properties);
        node.className = className;
        node.append(...children);
        return node;
    }

    /** @param {string} id of a tool or action @returns {SVGElement} */
    function icon(id) {
        const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        svg.setAttribute("viewBox", "0 0 20 20");
        svg.setAttribute("aria-hidden", "true");
        const outline = document.createElementNS("http://www.w3.org/2000/svg", "path");
        outline.setAttribute("d", ICONS[id]);
        svg.append(outline);
        return svg;
    }

    /** The painter's controls: real buttons, sliders and selects that only report what was asked for. */
    class Toolbar {
        #buttons = {};
        #controls = {};
        #scale;
        #onAction;
        #onSetting;

        /**
         * @param {Object} handlers
         * @param {(id: string) => void} handlers.onAction a button's id
         * @param {(id: string, value: number|string) => void} handlers.onSetting
         */
        constructor({ onAction, onSetting }) {
            this.#onAction = onAction;
            this.#onSetting = onSetting;
            const bar = (className, label, children) => {
                const node = element("div", className, {}, children);
                node.setAttribute("role", "toolbar");
                node.setAttribute("aria-label", label);
                return node;
            };
            const icons = (entries) => element("div", "diffdiff-group", {}, entries.map((entry) => this.#button(entry, true)));
            this.tools = bar("diffdiff-bar", "Painting tools", [
                icons(TOOLS),
                icons(HISTORY),
                element("div", "diffdiff-spring"),
                icons(LOOK),
            ]);
            this.options = bar("diffdiff-bar diffdiff-options", "Tool settings", [
                ...SLIDERS.map((entry) => this.#slider(entry)),
                this.#choice(FILL_BY),
            ]);
            this.#scale = element("div", "diffdiff-scale");
            this.actions = bar("diffdiff-bar diffdiff-actions", "Whole map", [
                ...ACTIONS.map((entries) => element("div", "diffdiff-group", {}, entries.map((entry) => this.#button(entry, false)))),
                element("div", "diffdiff-legend", { title: "The overlay's colours; striped, so that they are seen over any picture" }, [element("span", "", { textContent: "keeps" }), this.#scale, element("span", "", { textContent: "changes most" })]),
            ]);
            this.look = element("div", "diffdiff-look", {}, [this.#choice(PEN), this.#slider(OVERLAY), this.#choice(PALETTE)]);
            this.#controls.pen.box.hidden = true;
        }

        /** @param {Object} settings values for every control */
        showSettings(settings) {
            for (const [id, value] of Object.entries(settings)) this.showSetting(id, value);
        }

        showSetting(id, value) {
            const control = this.#controls[id];
            control.input.value = value;
            control.show(value);
        }

        /** @param {string} tool its id; its button is pressed and only its settings are shown */
        showTool(tool) {
            for (const { id } of TOOLS) this.#buttons[id].setAttribute("aria-pressed", id === tool);
            for (const { box, tools } of Object.values(this.#controls)) if (tools) box.hidden = !tools.includes(tool);
        }

        /** Shows what the pen's pressure does, once there is a pen. */
        showPen() {
            this.#controls.pen.box.hidden = false;
        }

        /** @param {?HTMLElement} bar of an adjustment, in the place of the tool's settings; null when it is over */
        adjust(bar) {
            if (bar) this.options.after(bar);
            this.options.hidden = bar !== null;
        }

        showHistory({ canUndo, canRedo }) {
            this.#enable("undo", canUndo);
            this.#enable("redo", canRedo);
        }

        /** @param {number} pixels the largest brush that makes sense */
        setLargestSize(pixels) {
            this.#controls.size.input.max = pixels;
        }

        /** @returns {number} */
        get largestSize() {
            return Number(this.#controls.size.input.max);
        }

        /** A button that cannot be used stays in the tab order, so that the keyboard's focus is not lost with it. */
        #enable(id, isEnabled) {
            this.#buttons[id].setAttribute("aria-disabled", !isEnabled);
        }

        #button({ id, name, label, keys, hint }, hasIcon) {
            const button = element("button", hasIcon ? "diffdiff-icon" : "diffdiff-text", { type: "button" });
            button.setAttribute("aria-label", name);
            if (keys) button.setAttribute("aria-keyshortcuts", keys.replace("Ctrl", "Control"));
            button.title = name + (keys ? ` (${keys})` : "") + (hint ? `: ${hint}` : "");
            button.append(hasIcon ? icon(id) : (label ?? name));
            button.addEventListener("click", () => {
                if (button.getAttribute("aria-disabled") !== "true") this.#onAction(id);
            });
            this.#buttons[id] = button;
            return button;
        }

        #slider(entry) {
            const { box, input, show } = slider(entry);
            box.style.gridArea = entry.place ?? "";
            input.addEventListener("input", () => {
                show(input.valueAsNumber);
                this.#onSetting(entry.id, input.valueAsNumber);
            });
            this.#controls[entry.id] = { box, input, show, tools: entry.tools };
            return box;
        }

        #choice({ id, name, label, values, place = "", tools }) {
            const input = element("select", "diffdiff-select");
            input.append(...Object.entries(values).map(([value, text]) => new Option(text, value)));
            input.setAttribute("aria-label", name);
            const show = (value) => {
                if (id === "palette") this.#scale.style.background = globalThis.diffdiff.gradient(value);
            };
            input.addEventListener("change", () => {
                show(input.value);
                this.#onSetting(id, input.value);
            });
            const box = element("label", "diffdiff-setting", { title: name }, label ? [element("span", "", { textContent: label }), input] : [input]);
            box.style.gridArea = place;
            this.#controls[id] = { box, input, show, tools };
            return box;
        }
    }

    function slider({ name, label, min, max, step, value, show, hint }) {
        const input = element("input", "diffdiff-slider", { type: "range", min, max, step });
        if (value !== undefined) input.value = value;
        input.setAttribute("aria-label", name);
        const shownValue = element("span", "diffdiff-value");
        const shown = (number) => {
            shownValue.textContent = show(number);
            input.setAttribute("aria-valuetext", shownValue.textContent);
        };
        shown(input.valueAsNumber);
        const title = hint ? `${name}: ${hint}` : name;
        const box = element("label", "diffdiff-setting", { title }, [element("span", "", { textContent: label ?? name }), input, shownValue]);
        return { box, input, show: shown };
    }

    /** The sliders of an adjustment that is previewed until it is applied or cancelled. */
    class AdjustmentBar {
        #sliders = {};
        #apply;

        /**
         * @param {string} kind "blur" or "levels"
         * @param {{onChange: () => void, onApply: () => void, onCancel: () => void}} handlers
         */
        constructor(kind, { onChange, onApply, onCancel }) {
            const boxes = ADJUSTMENTS[kind].map((entry) => {
                const { box, input, show } = slider(entry);
                input.addEventListener("input", () => {
                    show(input.valueAsNumber);
                    onChange();
                });
                this.#sliders[entry.id] = input;
                return box;
            });
            const button = (text, className, onClick) => {
                const node = element("button", `diffdiff-text ${className}`, { type: "button", textContent: text });
                node.addEventListener("click", onClick);
                return node;
            };
            this.#apply = button("Apply", "diffdiff-primary", onApply);
            this.node = element("div", "diffdiff-bar diffdiff-options diffdiff-adjust", {}, [
                ...boxes,
                element("div", "diffdiff-group", {}, [this.#apply, button("Cancel", "", onCancel)]),
            ]);
            this.node.setAttribute("role", "group");
            this.node.setAttribute("aria-label", kind === "blur" ? "Blur the map" : "Levels of the map");
            this.node.addEventListener("keydown", (event) => {
                if (event.key === "Enter" && event.target instanceof HTMLInputElement) onApply();
            });
        }

        /** @returns {Object<string, number>} */
        get values() {
            return Object.fromEntries(Object.entries(this.#sliders).map(([id, input]) => [id, input.valueAsNumber]));
        }

        /** While the adjustment is made. @param {number} share that is done, 0..1 */
        showProgress(share) {
            for (const input of Object.values(this.#sliders)) input.disabled = true;
            this.#apply.textContent = `${Math.floor(100 * share)} %`;
        }

        focus() {
            Object.values(this.#sliders)[0].focus();
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Toolbar, AdjustmentBar, element, icon });
}
