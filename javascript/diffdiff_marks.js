"use strict";

{
    const SVG = "http://www.w3.org/2000/svg";

    /** What is drawn over the stage without being part of the map: the brush's outline, a tool's guide, the readout. */
    class Marks {
        #stage;
        #view;
        #describe;
        #ring;
        #guide;
        #hover = null;
        #points = [];
        #diameter = null;

        /**
         * @param {HTMLElement} stage
         * @param {MapView} view
         * @param {(at: ?{clientX: number, clientY: number}) => string} describe what the readout says of a client point
         */
        constructor(stage, view, describe) {
            const { element } = globalThis.diffdiff;
            this.#stage = stage;
            this.#view = view;
            this.#describe = describe;
            this.#guide = document.createElementNS(SVG, "svg");
            this.#guide.classList.add("diffdiff-guide");
            this.#guide.setAttribute("aria-hidden", "true");
            this.#ring = element("div", "diffdiff-ring", { hidden: true });
            this.readout = element("div", "diffdiff-readout");
            stage.append(this.#guide, this.#ring);
        }

        /** @param {?number} diameter of the brush in picture pixels; null for tools without an outline */
        set diameter(diameter) {
            this.#diameter = diameter;
            this.refresh();
        }

        /** Draws everything anew, after the view has moved or the map has changed. */
        refresh() {
            if (this.#hover) this.hover(this.#hover);
            if (this.#points.length) this.guide(this.#points);
        }

        /** @param {?{clientX: number, clientY: number, pointerType: string}} event null when no pointer is over the stage */
        hover(event) {
            this.#hover = event && { clientX: event.clientX, clientY: event.clientY, pointerType: event.pointerType };
            const hasRing = this.#hover !== null && event.pointerType !== "touch" && this.#diameter !== null;
            this.#ring.hidden = !hasRing;
            if (hasRing) this.#placeRing(event);
            this.readout.textContent = this.#describe(this.#hover);
        }

        /** Shows a thin line. @param {Point[]} points picture coordinates; none hides it */
        guide(points) {
            this.#points = points;
            const corners = points.map((point) => {
                const { x, y } = this.#view.toStage(point);
                return `${x.toFixed(1)},${y.toFixed(1)}`;
            });
            this.#guide.replaceChildren(
                ...(points.length ? ["diffdiff-guide-edge", "diffdiff-guide-line"] : []).map((className) => {
                    const line = document.createElementNS(SVG, "polyline");
                    line.setAttribute("points", corners.join(" "));
                    line.setAttribute("class", className);
                    return line;
                }),
            );
        }

        #placeRing({ clientX, clientY }) {
            const stage = this.#stage.getBoundingClientRect();
            const diameter = Math.max(3, this.#diameter * this.#view.scale);
            const left = clientX - stage.left - this.#stage.clientLeft - diameter / 2;
            const top = clientY - stage.top - this.#stage.clientTop - diameter / 2;
            const transform = `translate(${left}px, ${top}px)`;
            Object.assign(this.#ring.style, { width: `${diameter}px`, height: `${diameter}px`, transform });
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Marks });
}
