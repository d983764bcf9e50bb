"use strict";

{
    const PAN_KEY_STEP = 40;
    const TOOLS = { b: "brush", e: "eraser", g: "gradient", r: "rectangle", l: "lasso", f: "fill" };
    const SHIFT_TOOLS = { g: "radial", r: "ellipse" };
    const LOOKS = { "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", 0: "fit" };
    const PANS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

    /**
     * What the keys act on.
     * @typedef {Object} KeyTarget
     * @property {() => boolean} hasPicture
     * @property {() => boolean} isFull whether the painter fills the window
     * @property {(id: string) => void} act a tool's or a button's id
     * @property {(direction: number, isStrength: boolean) => void} step a smaller or larger brush, or its strength
     * @property {() => boolean} escape whether there was anything to leave
     * @property {(isHeld: boolean) => void} holdSpace
     * @property {(x: number, y: number) => boolean} pan by CSS pixels; false when the whole picture is shown
     * @property {LassoTool} lasso
     */

    const TEXT = "textarea, select, [contenteditable], input:not([type=range], [type=checkbox], [type=radio], [type=button])";

    /** The painter's shortcuts: they work while the pointer is over its stage or the focus in it, never while text is typed. */
    class Keys {
        #stage;
        #target;

        /**
         * @param {HTMLElement} root
         * @param {HTMLElement} stage
         * @param {KeyTarget} target
         */
        constructor(root, stage, target) {
            this.#stage = stage;
            this.#target = target;
            const onKey = (event) => {
                if (!this.#press(event)) return;
                event.preventDefault();
                event.stopImmediatePropagation();
            };
            root.addEventListener("keydown", onKey);
            document.addEventListener("keydown", (event) => {
                if (!root.contains(event.target) && (stage.matches(":hover") || target.isFull())) onKey(event);
            });
            document.addEventListener("keyup", (event) => {
                if (event.code === "Space") target.holdSpace(false);
            });
        }

        /** @returns {boolean} whether the key was for the painter */
        #press(event) {
            const key = event.key.toLowerCase();
            if (key === "escape") return this.#target.escape();
            if (event.altKey || isTyping(event)) return false;
            if (event.ctrlKey || event.metaKey) return this.#pressControl(key, event.shiftKey);
            if (!event.target.matches?.("button, input") && this.#pressOnStage(event)) return true;
            if (event.code === "BracketLeft" || ["[", "{"].includes(event.key)) return this.#step(-1, event.shiftKey);
            if (event.code === "BracketRight" || ["]", "}"].includes(event.key)) return this.#step(1, event.shiftKey);
            const action = (event.shiftKey ? SHIFT_TOOLS : TOOLS)[key] ?? LOOKS[key];
            if (!action || !this.#target.hasPicture()) return false;
            this.#target.act(action);
            return true;
        }

        #pressControl(key, isShifted) {
            if (key !== "z" && key !== "y") return false;
            this.#target.act(key === "y" || isShifted ? "redo" : "undo");
            return true;
        }

        #pressOnStage(event) {
            if (event.code === "Space") {
                this.#target.holdSpace(true);
                return true;
            }
            const pan = PANS[event.key];
            if (pan && this.#target.pan(pan[0] * PAN_KEY_STEP, pan[1] * PAN_KEY_STEP)) return true;
            const { lasso } = this.#target;
            if (!lasso.isOpen) return false;
            if (event.key === "Enter") lasso.close();
            else if (event.key === "Backspace") lasso.shorten();
            else return false;
            return true;
        }

        #step(direction, isStrength) {
            this.#target.step(direction, isStrength);
            return true;
        }
    }

    /** @param {KeyboardEvent} event @returns {boolean} whether its key is part of a text or a choice */
    function isTyping({ target }) {
        return target instanceof Element && target.matches(TEXT);
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Keys, isTyping });
}
