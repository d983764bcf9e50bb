"use strict";

{
    /** A result laid over the picture from a line on that a slider moves: left of it is before, right of it after. */
    class Comparison {
        #before;
        #after;
        #slider;
        #line;

        /** @param {() => void} onLeave the user wants to paint again */
        constructor(onLeave) {
            const { element } = globalThis.diffdiff;
            this.#before = element("img", "", { alt: "Before", draggable: false });
            this.#after = element("img", "", { alt: "Result", draggable: false });
            this.#line = element("div", "diffdiff-line");
            this.#slider = element("input", "diffdiff-slider", { type: "range", min: 0, max: 1, step: 0.001 });
            this.#slider.setAttribute("aria-label", "Up to where the picture before is seen");
            this.#slider.addEventListener("input", () => this.#split(this.#slider.valueAsNumber));
            const back = element("button", "diffdiff-text diffdiff-primary", { type: "button", textContent: "Paint on" });
            back.title = "Back to the map (Escape, or any tool)";
            back.addEventListener("click", onLeave);
            const key = element("span", "diffdiff-key", { textContent: " (hold C for before)" });
            const labels = [["Before"], ["After", key]].map((parts) => element("span", "", {}, parts));
            const bar = element("div", "diffdiff-bar diffdiff-compare", {}, [labels[0], this.#slider, labels[1], back]);
            const pictures = element("div", "diffdiff-pictures", {}, [this.#before, this.#after, this.#line]);
            this.node = element("div", "diffdiff-result", { hidden: true }, [pictures, bar]);
            this.#line.addEventListener("pointerdown", (event) => this.#line.setPointerCapture(event.pointerId));
            this.#line.addEventListener("pointermove", (event) => event.buttons && this.#drag(event));
        }

        get isShown() {
            return !this.node.hidden;
        }

        /**
         * @param {string} before URL
         * @param {{source: string, infotext: string}} after
         */
        async show(before, after) {
            this.#before.src = before;
            this.#after.src = after.source;
            this.#after.dataset.infotext = after.infotext;
            this.node.hidden = false;
            this.#slider.value = 0;
            this.#split(0);
            await Promise.all([this.#before, this.#after].map((picture) => picture.decode().catch(() => {})));
            this.node.classList.toggle("diffdiff-incomparable", !this.#isComparable);
        }

        hide() {
            this.node.hidden = true;
        }

        /** @param {boolean} isBefore shows the picture as it was, for as long as that is held */
        hold(isBefore) {
            if (this.isShown) this.#split(isBefore ? 1 : this.#slider.valueAsNumber);
        }

        /** A labelled fan has a bar that the picture has not. */
        get #isComparable() {
            const [a, b] = [this.#before, this.#after].map(({ naturalWidth, naturalHeight }) => naturalWidth / naturalHeight);
            return Math.abs(a / b - 1) < 0.02;
        }

        /** @param {number} share of the picture's width, from its left, that is as before */
        #split(share) {
            const { left, width } = this.#shown;
            const at = left + share * width;
            this.#after.style.clipPath = share > 0 ? `inset(0 0 0 ${at}px)` : "";
            this.#line.style.left = `${at}px`;
            this.#line.hidden = share >= 1;
        }

        #drag({ clientX }) {
            const { left, width } = this.#shown;
            const share = (clientX - this.#after.parentElement.getBoundingClientRect().left - left) / width;
            this.#slider.value = Math.min(1, Math.max(0, share));
            this.#split(this.#slider.valueAsNumber);
        }

        /** Where the pictures are seen in their box. */
        get #shown() {
            const { clientWidth, clientHeight } = this.#after.parentElement;
            const { naturalWidth, naturalHeight } = this.#after;
            const width = naturalWidth * Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight) || clientWidth;
            return { left: (clientWidth - width) / 2, width };
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Comparison });
}
