"use strict";

{
    const WHEEL_ZOOM = 0.0016;
    const PIXELS_PER_LINE = 30;
    const PEN_ERASER = 32;

    /**
     * What the pointers act on.
     * @typedef {Object} PointerTarget
     * @property {() => boolean} hasPicture
     * @property {() => boolean} isFull whether the painter fills the window
     * @property {(isPenEraser: boolean) => ?Object} begin the tool that a press starts; null when nothing can be painted
     * @property {(sample: Sample) => void} idle a pointer moves without a press
     * @property {(event: ?PointerEvent) => void} hover where the pointer is; null when it is gone
     * @property {() => void} interrupted a running edit was given up
     */

    /** Turns mouse, pen and touches into tools' strokes and into moves of the view. */
    class Pointers {
        #stage;
        #view;
        #target;
        #down = new Map();
        /** The running gesture: {tool, pointerId} of a tool, {pan, pointerId} or {pinch} of the view. */
        #gesture = null;
        #isSpaceHeld = false;

        /**
         * @param {HTMLElement} stage
         * @param {MapView} view
         * @param {PointerTarget} target
         */
        constructor(stage, view, target) {
            this.#stage = stage;
            this.#view = view;
            this.#target = target;
            stage.addEventListener("pointerdown", (event) => this.#press(event));
            stage.addEventListener("pointermove", (event) => this.#move(event));
            stage.addEventListener("pointerup", (event) => this.#release(event));
            stage.addEventListener("pointercancel", (event) => this.#lose(event));
            stage.addEventListener("pointerleave", () => target.hover(null));
            stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
            stage.addEventListener("blur", () => this.holdSpace(false));
        }

        get isBusy() {
            return this.#gesture !== null;
        }

        /** Gives the running gesture up. */
        cancel() {
            const gesture = this.#gesture;
            this.#gesture = null;
            gesture?.tool?.cancel();
        }

        /** While the space bar is held, dragging moves the picture. */
        holdSpace(isHeld) {
            this.#isSpaceHeld = isHeld;
            this.#stage.classList.toggle("diffdiff-panning", isHeld);
        }

        #sample(event) {
            const { x, y } = this.#view.toPicture(event.clientX, event.clientY);
            return { x, y, pressure: event.pressure, isPen: event.pointerType === "pen", shift: event.shiftKey };
        }

        #press(event) {
            if (!this.#target.hasPicture()) return;
            this.#stage.focus({ preventScroll: true });
            event.preventDefault();
            if (event.isTrusted) this.#stage.setPointerCapture(event.pointerId);
            this.#down.set(event.pointerId, event);
            const touches = this.#touches();
            if (touches.length === 2) return this.#startPinch(touches);
            if (this.#gesture) return;
            if (event.button === 1 || (event.button === 0 && this.#isSpaceHeld)) {
                this.#gesture = { pan: event, pointerId: event.pointerId };
                return;
            }
            const isPenEraser = event.pointerType === "pen" && Boolean(event.buttons & PEN_ERASER);
            const tool = event.button === 0 || isPenEraser ? this.#target.begin(isPenEraser) : null;
            if (!tool) return;
            this.#gesture = { tool, pointerId: event.pointerId };
            tool.start(this.#sample(event));
            this.#target.hover(event);
        }

        #move(event) {
            if (this.#down.has(event.pointerId)) this.#down.set(event.pointerId, event);
            this.#target.hover(event);
            const gesture = this.#gesture;
            if (gesture?.pinch) return this.#movePinch();
            if (gesture && gesture.pointerId !== event.pointerId) return;
            if (gesture?.pan) {
                this.#view.panBy(event.clientX - gesture.pan.clientX, event.clientY - gesture.pan.clientY);
                gesture.pan = event;
            } else if (gesture?.tool) {
                const events = event.getCoalescedEvents?.() ?? []; // Safari has it since 18.2 only
                gesture.tool.move((events.length ? events : [event]).map((each) => this.#sample(each)));
            } else if (this.#target.hasPicture()) this.#target.idle(this.#sample(event));
        }

        #release(event) {
            this.#down.delete(event.pointerId);
            const gesture = this.#gesture;
            if (!gesture) return;
            if (gesture.pinch) {
                if (this.#touches().length < 2) this.#gesture = null;
            } else if (gesture.pointerId === event.pointerId) {
                this.#gesture = null;
                gesture.tool?.end();
            }
        }

        #lose(event) {
            this.#down.delete(event.pointerId);
            if (this.#gesture?.pointerId === event.pointerId) this.#target.interrupted();
            else if (this.#gesture?.pinch) this.#gesture = null;
        }

        #touches() {
            return [...this.#down.values()].filter((event) => event.pointerType === "touch");
        }

        /** A second finger means that the first was not meant to paint. */
        #startPinch(touches) {
            if (this.#gesture?.tool) this.#target.interrupted();
            const pinch = pinchOf(touches);
            this.#gesture = { pinch, point: this.#view.toPicture(pinch.x, pinch.y), scale: this.#view.scale };
            this.#target.hover(null);
        }

        #movePinch() {
            const touches = this.#touches();
            if (touches.length < 2) return;
            const { pinch, point, scale } = this.#gesture;
            const now = pinchOf(touches);
            this.#view.place(point, now.x, now.y, (scale * now.distance) / pinch.distance);
        }

        /** The wheel scrolls the page, and with Shift or Ctrl it zooms, as on the hosts' own canvases; without a page to
         * scroll it zooms. */
        #wheel(event) {
            if (!this.#target.hasPicture() || !(event.ctrlKey || event.shiftKey || this.#target.isFull())) return;
            event.preventDefault();
            const turned = event.deltaY || event.deltaX; // with Shift some systems turn the wheel sideways
            const perPixel = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? PIXELS_PER_LINE : 1;
            const speed = event.ctrlKey ? 4 : 1;
            this.#view.zoomAt(event.clientX, event.clientY, Math.exp(-turned * perPixel * WHEEL_ZOOM * speed));
            this.#target.hover(event);
        }
    }

    function pinchOf([a, b]) {
        return {
            x: (a.clientX + b.clientX) / 2,
            y: (a.clientY + b.clientY) / 2,
            distance: Math.max(1, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)),
        };
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Pointers });
}
