"use strict";

{
    /** A result laid over the picture, as far as a slider lets it: left of the line is after, right of it before. */
    class Comparison {
        #before;
        #after;
        #slider;
        #line;

        /** @param {() => void} onLeave the user wants to paint again */
        constructor(onLeave) {
            const { element } = globalThis.diffdiff;
            this.#before = element("img", "", { alt: "Before" });
            this.#after = element("img", "", { alt: "Result" });
            this.#line = element("div", "diffdiff-line");
            this.#slider = element("input", "diffdiff-slider", { type: "range", min: 0, max: 1, step: 0.001 });
            this.#slider.setAttribute("aria-label", "How much of the result is seen");
            this.#slider.addEventListener("input", () => this.#split(this.#slider.valueAsNumber));
            const back = element("button", "diffdiff-text diffdiff-primary", { type: "button", textContent: "Paint on" });
            back.title = "Back to the map (Escape, or any tool)";
            back.addEventListener("click", onLeave);
            const key = element("span", "diffdiff-key", { textContent: " (hold C for before)" });
            const labels = [["Before"], ["After", key]].map((parts) => element("span", "", {}, parts));
            const bar = element("div", "diffdiff-bar diffdiff-compare", {}, [labels[0], this.#slider, labels[1], back]);
            const pictures = element("div", "diffdiff-pictures", {}, [this.#before, this.#after, this.#line]);
            this.node = element("div", "diffdiff-result", { hidden: true }, [pictures, bar]);
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
            this.#slider.value = 1;
            this.#split(1);
            await Promise.all([this.#before, this.#after].map((picture) => picture.decode().catch(() => {})));
            this.node.classList.toggle("diffdiff-incomparable", !this.#isComparable);
        }

        hide() {
            this.node.hidden = true;
        }

        /** @param {boolean} isBefore shows the picture as it was, for as long as that is held */
        hold(isBefore) {
            if (this.isShown) this.#split(isBefore ? 0 : this.#slider.valueAsNumber);
        }

        /** A labelled fan has a bar that the picture has not. */
        get #isComparable() {
            const [a, b] = [this.#before, this.#after].map(({ naturalWidth, naturalHeight }) => naturalWidth / naturalHeight);
            return Math.abs(a / b - 1) < 0.02;
        }

        #split(share) {
            const box = this.#after.parentElement;
            const scale = Math.min(box.clientWidth / this.#after.naturalWidth, box.clientHeight / this.#after.naturalHeight);
            const width = this.#after.naturalWidth * scale || box.clientWidth;
            const at = (box.clientWidth - width) / 2 + share * width;
            this.#after.style.clipPath = share < 1 ? `inset(0 ${box.clientWidth - at}px 0 0)` : "";
            this.#line.style.left = `${at}px`;
            this.#line.hidden = share <= 0 || share >= 1;
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Comparison });
}
