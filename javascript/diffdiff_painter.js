"use strict";

{
    const ZOOM_STEP = 1.25;
    const WHEEL_ZOOM = 0.0016;
    const SEND_DELAY_MS = 40;
    const ADJUST_DELAY_MS = 40;
    const SMALLEST_ROOM = 240;
    const SHARE_OF_WINDOW = 0.7;
    const PAN_KEY_STEP = 40;
    const PEN_ERASER = 32;
    const STRENGTH_STEP = 0.05;

    const TOOL_KEYS = { b: "brush", e: "eraser", g: "gradient", r: "rectangle", l: "lasso", f: "fill" };
    const SHIFT_TOOL_KEYS = { g: "radial", r: "ellipse" };
    const PAN_KEYS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

    /** Keeps the hidden field equal to the map: encodes after each edit, one at a time, always the latest. */
    class MapSender {
        #page;
        #map = null;
        #isStale = false;
        #timer = null;
        #running = null;

        /** @param {HostPage} page */
        constructor(page) {
            this.#page = page;
        }

        /** Whether the field does not hold the latest map yet. */
        get isBehind() {
            return this.#isStale || this.#running !== null;
        }

        /** @param {?ChangeMap} map null empties the field */
        send(map) {
            this.#map = map;
            this.#isStale = true;
            clearTimeout(this.#timer);
            this.#timer = setTimeout(() => this.flush(), SEND_DELAY_MS);
        }

        /** @returns {Promise<void>} done when the field holds the latest map */
        async flush() {
            clearTimeout(this.#timer);
            this.#running ??= this.#run().finally(() => (this.#running = null));
            await this.#running;
        }

        async #run() {
            while (this.#isStale) {
                this.#isStale = false;
                const map = this.#map;
                const url = map ? await dataUrl(await this.#encode(map)) : "";
                if (!this.#isStale) this.#page.sendMap(url);
            }
        }

        #encode({ settled, width, height }) {
            const pixels = this.#page.whiteKeeps ? inverted(settled) : settled;
            return globalThis.diffdiff.encodePng(pixels, width, height);
        }
    }

    function inverted(pixels) {
        return pixels.map((value) => 255 - value);
    }

    /** @param {Blob} blob @returns {Promise<string>} */
    function dataUrl(blob) {
        return new Promise((resolve, reject) => {
            const reader = new FileReader();
            reader.onload = () => resolve(reader.result);
            reader.onerror = () => reject(reader.error);
            reader.readAsDataURL(blob);
        });
    }

    /** The painter in its container: follows the host's picture, turns pointers and keys into edits, sends the map. */
    class Painter {
        #container;
        #page;
        #root;
        #stage;
        #ring;
        #guide;
        #readout;
        #notice;
        #toolbar;
        #view;
        #sender;
        #settings = globalThis.diffdiff.loadSettings();
        #surface;
        #tools;
        #toolId = "brush";
        #picture = null;
        #map = null;
        #brush = null;
        /** Whether anything was painted since the map was made: an untouched map is not sent. */
        #isTouched = false;
        /** The running gesture: {tool, pointerId} of a tool, {pan} or {pinch} of the view. */
        #gesture = null;
        #pointers = new Map();
        #isSpaceHeld = false;
        #adjustment = null;
        #hover = null;
        #guidePoints = [];
        #observer = new ResizeObserver(() => this.#layOut());

        /**
         * @param {HTMLElement} container
         * @param {HostPage} page
         */
        constructor(container, page) {
            this.#container = container;
            this.#page = page;
            this.#sender = new MapSender(page);
            page.guardGenerate(
                () => this.#sender.isBehind,
                () => this.#sender.flush(),
            );
            page.watchPicture((picture) => this.#follow(picture));
            page.watchPanel({
                onForeignMap: (url) => this.#adopt(url),
                onPolarity: () => this.#turnOver(),
            });
            this.#observer.observe(container);
        }

        /**
         * @param {number} clientX
         * @param {number} clientY
         * @returns {?number} the map's strength 0..1 under a client point; null outside the picture
         */
        strengthAt(clientX, clientY) {
            const value = this.#valueAt(clientX, clientY);
            return value === null ? null : value / 255;
        }

        // ---- page ----

        #layOut() {
            if (!this.#container.clientWidth) return;
            if (!this.#root) this.#mount();
            const isFull = document.fullscreenElement === this.#root;
            if (!isFull) {
                const { clientWidth } = this.#stage;
                const aspect = this.#picture ? this.#picture.naturalHeight / this.#picture.naturalWidth : 0;
                const most = Math.max(SMALLEST_ROOM, window.innerHeight * SHARE_OF_WINDOW);
                this.#stage.style.height = this.#picture ? `${Math.min(most, clientWidth * aspect)}px` : "";
            } else this.#stage.style.height = "";
            this.#view.setRoom(this.#stage.clientHeight);
        }

        #mount() {
            const { element, Toolbar, MapView, createTools } = globalThis.diffdiff;
            this.#toolbar = new Toolbar({
                onAction: (id) => this.#act(id),
                onSetting: (id, value) => this.#set(id, value),
            });
            this.#notice = element("div", "diffdiff-notice", { hidden: true });
            this.#notice.setAttribute("role", "status");
            this.#stage = element("div", "diffdiff-stage", { tabIndex: 0 });
            this.#stage.setAttribute("role", "application");
            this.#stage.setAttribute("aria-label", "Change map over the picture");
            this.#view = new MapView(this.#stage, () => this.#placeMarks());
            this.#guide = document.createElementNS("http://www.w3.org/2000/svg", "svg");
            this.#guide.classList.add("diffdiff-guide");
            this.#guide.setAttribute("aria-hidden", "true");
            this.#ring = element("div", "diffdiff-ring", { hidden: true });
            this.#stage.append(this.#guide, this.#ring);
            this.#readout = element("div", "diffdiff-readout");
            const foot = element("div", "diffdiff-bar diffdiff-foot", {}, [
                this.#readout,
                element("div", "diffdiff-spring"),
                this.#toolbar.look,
            ]);
            const { tools, options, actions } = this.#toolbar;
            this.#root = element("div", "diffdiff-painter", {}, [tools, options, actions, this.#notice, this.#stage, foot]);
            this.#root.setAttribute("role", "group");
            this.#root.setAttribute("aria-label", "Change map painter");
            this.#container.append(this.#root);
            this.#surface = this.#createSurface();
            this.#tools = createTools(this.#surface);
            this.#toolbar.showSettings(this.#settings);
            this.#toolbar.showTool(this.#toolId);
            this.#view.opacity = this.#settings.overlay;
            this.#view.palette = this.#settings.palette;
            this.#listen();
            this.#observer.observe(this.#stage);
            this.#showState();
        }

        #createSurface() {
            const painter = this;
            return {
                get map() {
                    return painter.#map;
                },
                get brush() {
                    return painter.#brush;
                },
                get settings() {
                    return painter.#settings;
                },
                get paint() {
                    return { value: Math.round(255 * painter.#settings.strength), opacity: painter.#settings.opacity };
                },
                get pixelSize() {
                    return 1 / painter.#view.scale;
                },
                changed: (rect) => painter.#view.invalidate(rect),
                finish: () => painter.#finish(),
                revert: () => painter.#view.invalidate(painter.#map.revert()),
                guide: (points) => painter.#showGuide(points),
                colours: () => globalThis.diffdiff.readColours(painter.#picture, painter.#map.width, painter.#map.height),
            };
        }

        #listen() {
            const stage = this.#stage;
            stage.addEventListener("pointerdown", (event) => this.#onPointerDown(event));
            stage.addEventListener("pointermove", (event) => this.#onPointerMove(event));
            stage.addEventListener("pointerup", (event) => this.#onPointerUp(event));
            stage.addEventListener("pointercancel", (event) => this.#onPointerCancel(event));
            stage.addEventListener("pointerleave", () => this.#showHover(null));
            stage.addEventListener("dblclick", () => this.#closeLasso());
            stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
            this.#root.addEventListener("keydown", (event) => {
                if (!this.#onKey(event)) return;
                event.preventDefault();
                event.stopPropagation();
            });
            this.#root.addEventListener("keyup", (event) => {
                if (event.code === "Space") this.#holdSpace(false);
            });
            stage.addEventListener("blur", () => this.#holdSpace(false));
            document.addEventListener("fullscreenchange", () => this.#layOut());
            window.addEventListener("resize", () => this.#layOut());
        }

        // ---- picture and map ----

        #follow(picture) {
            if (!picture) return;
            this.#abandon();
            this.#picture = picture;
            if (!this.#map || (!this.#isTouched && !this.#fits)) this.#startMap();
            this.#dismiss();
            if (this.#root) this.#showState();
        }

        get #fits() {
            return this.#map.width === this.#picture.naturalWidth && this.#map.height === this.#picture.naturalHeight;
        }

        #startMap(pixels) {
            const { ChangeMap, Brush } = globalThis.diffdiff;
            const { naturalWidth: width, naturalHeight: height } = this.#picture;
            this.#map = new ChangeMap(width, height, { pixels });
            this.#brush = new Brush(this.#map);
            this.#isTouched = pixels !== undefined;
            this.#sender.send(this.#isTouched ? this.#map : null);
        }

        #scaleMap() {
            this.#startMap(globalThis.diffdiff.resample(this.#map, this.#picture.naturalWidth, this.#picture.naturalHeight));
            this.#dismiss();
            this.#showState();
        }

        #clearMap() {
            this.#startMap();
            this.#dismiss();
            this.#showState();
        }

        #showState() {
            this.#root.classList.toggle("diffdiff-empty", !this.#picture);
            if (!this.#picture) {
                this.#readout.textContent = "Put a picture into the img2img tab, then paint here how much each part may change.";
                return;
            }
            this.#toolbar.setLargestSize(Math.max(512, this.#map.width, this.#map.height));
            this.#toolbar.showSetting("size", this.#settings.size);
            this.#toolbar.showHistory(this.#map);
            this.#view.show(this.#picture, this.#map);
            this.#layOut();
            this.#showHover(null);
            if (!this.#fits) this.#askAboutSize();
        }

        #askAboutSize() {
            const { naturalWidth, naturalHeight } = this.#picture;
            this.#tell(`The picture is now ${naturalWidth} × ${naturalHeight}, the map ${this.#map.width} × ${this.#map.height}.`, {
                "Scale map": () => this.#scaleMap(),
                "Clear map": () => this.#clearMap(),
            });
        }

        /** Makes the running edit final and sends it. */
        #finish() {
            if (this.#map.commit()) this.#edited();
        }

        #edited() {
            this.#isTouched = true;
            this.#toolbar.showHistory(this.#map);
            this.#sender.send(this.#map);
            if (this.#hover) this.#showHover(this.#hover);
        }

        /** Replaces the whole map by another picture's values, as an edit. */
        #takeOver({ width, height, pixels }) {
            this.#map.pixels.set(globalThis.diffdiff.resample({ width, height, pixels }, this.#map.width, this.#map.height));
            this.#map.touch(this.#map.bounds);
            this.#view.invalidate();
            this.#finish();
        }

        /**
         * Takes a map over that something else, such as the panel's upload, put into the hidden field.
         * @returns {boolean} false when that is not possible now
         */
        #adopt(url) {
            if (!this.#root || !this.#picture || !this.#fits || this.#gesture || this.#adjustment) return false;
            if (!url.startsWith("data:image/")) {
                if (this.#isTouched) this.#sender.send(this.#map);
                return true;
            }
            this.#takeFrom(async () => {
                const map = asMap(await globalThis.diffdiff.loadImage(url));
                return this.#page.whiteKeeps ? { ...map, pixels: inverted(map.pixels) } : map;
            });
            return true;
        }

        /** The same field means the opposite now, and the map shows what it means. */
        #turnOver() {
            if (this.#root && this.#isTouched && this.#fits) this.#act("invert");
        }

        // ---- actions ----

        #act(id) {
            if (id in this.#tools) return this.#choose(id);
            const looks = {
                zoomIn: () => this.#view.zoomBy(ZOOM_STEP),
                zoomOut: () => this.#view.zoomBy(1 / ZOOM_STEP),
                fit: () => this.#view.fit(),
                fullScreen: () => this.#toggleFullScreen(),
            };
            if (looks[id]) return looks[id]();
            if (!this.#canPaint()) return;
            this.#abandon();
            const { fillAll, invert } = globalThis.diffdiff;
            const edit = (rect) => {
                this.#view.invalidate(rect);
                this.#finish();
            };
            const edits = {
                undo: () => this.#travel(this.#map.undo()),
                redo: () => this.#travel(this.#map.redo()),
                fillAll: () => edit(fillAll(this.#map, { ...this.#surface.paint, opacity: 1 })),
                clear: () => edit(fillAll(this.#map, { value: 0, opacity: 1 })),
                invert: () => edit(invert(this.#map)),
                blur: () => this.#adjust("blur"),
                levels: () => this.#adjust("levels"),
                importMap: () => this.#importFile(),
                exportMap: () => this.#exportFile(),
                fromMask: () => this.#takeFrom(() => this.#page.inpaintMask(this.#map), "There is no inpaint mask in the tab that is open above."),
                fromResult: () => this.#takeFrom(async () => asMap(await this.#page.lastResult()), "The gallery has no picture yet."),
            };
            edits[id]();
        }

        #choose(toolId) {
            this.#abandon();
            this.#toolId = toolId;
            this.#toolbar.showTool(toolId);
            this.#placeMarks();
        }

        #set(id, value) {
            this.#settings[id] = value;
            globalThis.diffdiff.saveSettings(this.#settings);
            if (id === "overlay") this.#view.opacity = value;
            if (id === "palette") this.#view.palette = value;
            if (id === "size") this.#placeMarks();
        }

        #travel(rect) {
            if (!rect) return;
            this.#view.invalidate(rect);
            this.#edited();
        }

        #adjust(kind) {
            const preview = () => {
                this.#map.revert();
                const { blur, levels } = globalThis.diffdiff;
                const { sigma, black, white, gamma } = bar.values;
                this.#view.invalidate(kind === "blur" ? blur(this.#map, sigma) : levels(this.#map, { black, white: Math.max(white, black + 0.01), gamma }));
            };
            let timer = null;
            const bar = new globalThis.diffdiff.AdjustmentBar(kind, {
                onChange: () => {
                    clearTimeout(timer);
                    timer = setTimeout(preview, ADJUST_DELAY_MS);
                },
                onApply: () => {
                    clearTimeout(timer);
                    preview();
                    this.#closeAdjustment();
                    this.#finish();
                    this.#stage.focus();
                },
                onCancel: () => {
                    this.#abandon();
                    this.#stage.focus();
                },
            });
            this.#adjustment = { bar, stop: () => clearTimeout(timer) };
            this.#toolbar.actions.after(bar.node);
            preview();
            bar.focus();
        }

        #closeAdjustment() {
            this.#adjustment?.stop();
            this.#adjustment?.bar.node.remove();
            this.#adjustment = null;
        }

        #importFile() {
            const input = Object.assign(document.createElement("input"), { type: "file", accept: "image/*" });
            input.addEventListener("change", () => {
                const url = URL.createObjectURL(input.files[0]);
                this.#takeFrom(async () => asMap(await globalThis.diffdiff.loadImage(url))).finally(() => URL.revokeObjectURL(url));
            });
            input.click();
        }

        async #exportFile() {
            const blob = await globalThis.diffdiff.encodePng(this.#map.settled, this.#map.width, this.#map.height);
            const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: "change-map.png" });
            link.click();
            setTimeout(() => URL.revokeObjectURL(link.href), 1000);
        }

        /** @param {() => Promise<?Object>} read gives width, height and pixels; null, and `missing` is said */
        async #takeFrom(read, missing) {
            try {
                const source = await read();
                if (source) this.#takeOver(source);
                else this.#tell(missing);
            } catch (error) {
                this.#tell(`This picture cannot be read as a map: ${error.message}`);
            }
        }

        #toggleFullScreen() {
            if (document.fullscreenElement === this.#root) document.exitFullscreen();
            else if (document.fullscreenEnabled) this.#root.requestFullscreen();
            else this.#tell("This browser does not allow full screen here.");
        }

        /** Ends whatever is half done without keeping it. */
        #abandon() {
            if (!this.#tools) return;
            if (this.#gesture?.tool) this.#gesture.tool.cancel();
            this.#gesture = null;
            this.#tools.lasso.cancel();
            this.#closeAdjustment();
            if (this.#map) this.#view.invalidate(this.#map.revert());
        }

        /** Says so where it is not possible now. */
        #canPaint() {
            if (!this.#picture) return false;
            if (!this.#fits) this.#askAboutSize();
            return this.#fits;
        }

        #tell(text, choices = {}) {
            const { element } = globalThis.diffdiff;
            const buttons = Object.entries({ ...choices, ...(Object.keys(choices).length ? {} : { OK: () => this.#dismiss() }) });
            const nodes = buttons.map(([label, onClick]) => {
                const button = element("button", "diffdiff-text", { type: "button", textContent: label });
                button.addEventListener("click", onClick);
                return button;
            });
            this.#notice.replaceChildren(element("span", "", { textContent: text }), ...nodes);
            this.#notice.hidden = false;
            this.#layOut();
        }

        #dismiss() {
            if (!this.#notice || this.#notice.hidden) return;
            this.#notice.hidden = true;
            this.#layOut();
        }

        // ---- pointers ----

        #sample(event) {
            const { x, y } = this.#view.toPicture(event.clientX, event.clientY);
            return { x, y, pressure: event.pressure, isPen: event.pointerType === "pen", shift: event.shiftKey };
        }

        #onPointerDown(event) {
            if (!this.#picture) return;
            this.#stage.focus({ preventScroll: true });
            event.preventDefault();
            if (event.isTrusted) this.#stage.setPointerCapture(event.pointerId);
            this.#pointers.set(event.pointerId, event);
            const touches = this.#touches();
            if (touches.length === 2) return this.#startPinch(touches);
            if (this.#gesture) return;
            if (event.button === 1 || (event.button === 0 && this.#isSpaceHeld)) {
                this.#gesture = { pan: event, pointerId: event.pointerId };
                return;
            }
            const isPenEraser = event.pointerType === "pen" && event.buttons & PEN_ERASER;
            if ((event.button !== 0 && !isPenEraser) || !this.#canPaint()) return;
            if (this.#adjustment) this.#abandon();
            const tool = isPenEraser ? this.#tools.eraser : this.#tools[this.#toolId];
            this.#gesture = { tool, pointerId: event.pointerId };
            tool.start(this.#sample(event));
            this.#showHover(event);
        }

        #onPointerMove(event) {
            if (this.#pointers.has(event.pointerId)) this.#pointers.set(event.pointerId, event);
            this.#showHover(event);
            const gesture = this.#gesture;
            if (gesture?.pinch) return this.#movePinch();
            if (gesture && gesture.pointerId !== event.pointerId) return;
            if (gesture?.pan) {
                this.#view.panBy(event.clientX - gesture.pan.clientX, event.clientY - gesture.pan.clientY);
                gesture.pan = event;
            } else if (gesture?.tool) {
                const events = event.getCoalescedEvents?.() ?? []; // Safari has it since 18.2 only
                gesture.tool.move((events.length ? events : [event]).map((each) => this.#sample(each)));
            } else if (this.#toolId === "lasso" && this.#picture) this.#tools.lasso.hover(this.#sample(event));
        }

        #onPointerUp(event) {
            this.#pointers.delete(event.pointerId);
            const gesture = this.#gesture;
            if (!gesture) return;
            if (gesture.pinch) {
                if (this.#touches().length < 2) this.#gesture = null;
            } else if (gesture.pointerId === event.pointerId) {
                this.#gesture = null;
                gesture.tool?.end();
            }
        }

        #onPointerCancel(event) {
            this.#pointers.delete(event.pointerId);
            if (this.#gesture?.pointerId === event.pointerId) this.#abandon();
            else if (this.#gesture?.pinch) this.#gesture = null;
        }

        #touches() {
            return [...this.#pointers.values()].filter((event) => event.pointerType === "touch");
        }

        /** A second finger means that the first was not meant to paint. */
        #startPinch(touches) {
            if (this.#gesture?.tool) this.#abandon();
            const pinch = pinchOf(touches);
            this.#gesture = { pinch, point: this.#view.toPicture(pinch.x, pinch.y), scale: this.#view.scale };
            this.#showHover(null);
        }

        #movePinch() {
            const touches = this.#touches();
            if (touches.length < 2) return;
            const { pinch, point, scale } = this.#gesture;
            const now = pinchOf(touches);
            this.#view.place(point, now.x, now.y, (scale * now.distance) / pinch.distance);
        }

        /** With the painter focused the wheel zooms; where it would zoom out of the whole picture, the page scrolls. */
        #onWheel(event) {
            const isWanted = event.ctrlKey || this.#root.contains(document.activeElement);
            if (!this.#picture || !isWanted) return;
            if (!event.ctrlKey && event.deltaY > 0 && this.#view.isFitted) return;
            event.preventDefault();
            const perPixel = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
            const speed = event.ctrlKey ? 4 : 1;
            this.#view.zoomAt(event.clientX, event.clientY, Math.exp(-event.deltaY * perPixel * WHEEL_ZOOM * speed));
            this.#showHover(event);
        }

        // ---- keyboard ----

        /** @returns {boolean} whether the key was for the painter */
        #onKey(event) {
            const isTyping = event.target instanceof HTMLSelectElement;
            const key = event.key.toLowerCase();
            if (key === "escape") return this.#escape();
            if (event.altKey || isTyping) return false;
            if (event.ctrlKey || event.metaKey) return this.#onControlKey(key, event.shiftKey);
            if (event.target === this.#stage && this.#onStageKey(event)) return true;
            if (event.code === "BracketLeft" || ["[", "{"].includes(event.key)) return this.#step(-1, event.shiftKey);
            if (event.code === "BracketRight" || ["]", "}"].includes(event.key)) return this.#step(1, event.shiftKey);
            const tool = (event.shiftKey ? SHIFT_TOOL_KEYS : TOOL_KEYS)[key];
            const action = tool ?? { "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", 0: "fit" }[key];
            if (!action || !this.#picture) return false;
            this.#act(action);
            return true;
        }

        #onControlKey(key, isShifted) {
            if (key !== "z" && key !== "y") return false;
            this.#act(key === "y" || isShifted ? "redo" : "undo");
            return true;
        }

        #onStageKey(event) {
            if (event.code === "Space") {
                this.#holdSpace(true);
                return true;
            }
            if (event.key in PAN_KEYS && !this.#view.isFitted) {
                const [x, y] = PAN_KEYS[event.key];
                this.#view.panBy(x * PAN_KEY_STEP, y * PAN_KEY_STEP);
                return true;
            }
            const { lasso } = this.#tools;
            if (!lasso.isOpen) return false;
            if (event.key === "Enter") lasso.close();
            else if (event.key === "Backspace") lasso.shorten();
            else return false;
            return true;
        }

        #escape() {
            if (this.#gesture || this.#adjustment || this.#tools.lasso.isOpen) {
                this.#abandon();
                this.#stage.focus();
                return true;
            }
            if (document.fullscreenElement !== this.#root) return false;
            document.exitFullscreen();
            return true;
        }

        /** Brush size by a tenth, at least one pixel; with Shift the strength. */
        #step(direction, isStrength) {
            if (isStrength) {
                const strength = this.#settings.strength + direction * STRENGTH_STEP;
                this.#change("strength", Math.round(100 * Math.min(1, Math.max(0, strength))) / 100);
            } else {
                const { size } = this.#settings;
                const next = size + direction * Math.max(1, Math.round(size / 10));
                this.#change("size", Math.min(this.#toolbar.largestSize, Math.max(1, next)));
            }
            return true;
        }

        #change(id, value) {
            this.#toolbar.showSetting(id, value);
            this.#set(id, value);
        }

        #holdSpace(isHeld) {
            this.#isSpaceHeld = isHeld;
            this.#stage.classList.toggle("diffdiff-panning", isHeld);
        }

        #closeLasso() {
            if (this.#toolId === "lasso" && this.#tools.lasso.isOpen) this.#tools.lasso.close();
        }

        // ---- marks over the picture ----

        #placeMarks() {
            if (this.#hover) this.#showHover(this.#hover);
            if (this.#guidePoints.length) this.#showGuide(this.#guidePoints);
        }

        #showGuide(points) {
            this.#guidePoints = points;
            const corners = points.map((point) => {
                const { x, y } = this.#view.toStage(point);
                return `${x.toFixed(1)},${y.toFixed(1)}`;
            });
            this.#guide.replaceChildren(
                ...(points.length ? ["diffdiff-guide-edge", "diffdiff-guide-line"] : []).map((className) => {
                    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
                    line.setAttribute("points", corners.join(" "));
                    line.setAttribute("class", className);
                    return line;
                }),
            );
        }

        /** Shows the brush's outline and what the map holds under the pointer. @param {?PointerEvent} event */
        #showHover(event) {
            this.#hover = event && { clientX: event.clientX, clientY: event.clientY, pointerType: event.pointerType };
            if (!this.#picture) return;
            const hasRing = event && event.pointerType !== "touch" && ["brush", "eraser"].includes(this.#toolId);
            this.#ring.hidden = !hasRing;
            if (hasRing) {
                const stage = this.#stage.getBoundingClientRect();
                const diameter = Math.max(3, this.#settings.size * this.#view.scale);
                const left = event.clientX - stage.left - diameter / 2;
                const top = event.clientY - stage.top - diameter / 2;
                Object.assign(this.#ring.style, { width: `${diameter}px`, height: `${diameter}px`, transform: `translate(${left}px, ${top}px)` });
            }
            const value = event ? this.#valueAt(event.clientX, event.clientY) : null;
            this.#readout.textContent = value === null ? this.#summary() : this.#describe(value);
        }

        #summary() {
            return `${this.#picture.naturalWidth} × ${this.#picture.naturalHeight} px`;
        }

        #describe(value) {
            const { steps, of } = this.#page.stepsOf(value);
            return `Strength ${(value / 255).toFixed(2)} · ${steps} of ${of} steps`;
        }

        #valueAt(clientX, clientY) {
            if (!this.#picture || !this.#root) return null;
            const { x, y } = this.#view.toPicture(clientX, clientY);
            const { naturalWidth, naturalHeight } = this.#picture;
            if (!(x >= 0 && y >= 0 && x < naturalWidth && y < naturalHeight)) return null;
            const { width, height, pixels } = this.#map;
            return pixels[Math.floor((y * height) / naturalHeight) * width + Math.floor((x * width) / naturalWidth)];
        }
    }

    /** @param {?HTMLImageElement} image @returns {?{width: number, height: number, pixels: Uint8Array}} */
    function asMap(image) {
        if (!image) return null;
        const { readColours, luminance } = globalThis.diffdiff;
        const { naturalWidth: width, naturalHeight: height } = image;
        return { width, height, pixels: luminance(readColours(image, width, height)) };
    }

    function pinchOf([a, b]) {
        return {
            x: (a.clientX + b.clientX) / 2,
            y: (a.clientY + b.clientY) / 2,
            distance: Math.max(1, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)),
        };
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Painter });
}
