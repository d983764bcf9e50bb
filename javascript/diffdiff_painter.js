"use strict";

{
    const ZOOM_STEP = 1.25;
    const ADJUST_DELAY_MS = 40;
    const SMALLEST_ROOM = 240;
    const SHARE_OF_WINDOW = 0.7;
    const STRENGTH_STEP = 0.05;
    const OUTLINED = ["brush", "eraser"];

    /** The painter in its container: follows the host's picture, turns tools and buttons into edits, sends the map. */
    class Painter {
        #container;
        #page;
        #root;
        #stage;
        #notice;
        #toolbar;
        #view;
        #marks;
        #pointers;
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
        #adjustment = null;
        #observer = new ResizeObserver(() => this.#layOut());

        /**
         * @param {HTMLElement} container
         * @param {HostPage} page
         */
        constructor(container, page) {
            this.#container = container;
            this.#page = page;
            this.#sender = new globalThis.diffdiff.MapSender(page);
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
            const { element, Toolbar, MapView, Marks, Pointers, Keys, createTools } = globalThis.diffdiff;
            this.#toolbar = new Toolbar({
                onAction: (id) => this.#act(id),
                onSetting: (id, value) => this.#set(id, value),
            });
            this.#notice = element("div", "diffdiff-notice", { hidden: true });
            this.#notice.setAttribute("role", "status");
            this.#stage = element("div", "diffdiff-stage", { tabIndex: 0 });
            this.#stage.setAttribute("role", "application");
            this.#stage.setAttribute("aria-label", "Change map over the picture");
            this.#view = new MapView(this.#stage, () => this.#marks.refresh());
            this.#marks = new Marks(this.#stage, this.#view, (at) => this.#describe(at));
            const { tools, options, actions, look } = this.#toolbar;
            const foot = element("div", "diffdiff-bar diffdiff-foot", {}, [this.#marks.readout, element("div", "diffdiff-spring"), look]);
            this.#root = element("div", "diffdiff-painter", {}, [tools, options, actions, this.#notice, this.#stage, foot]);
            this.#root.setAttribute("role", "group");
            this.#root.setAttribute("aria-label", "Change map painter");
            this.#container.append(this.#root);
            this.#surface = this.#createSurface();
            this.#tools = createTools(this.#surface);
            this.#pointers = new Pointers(this.#stage, this.#view, this.#pointerTarget());
            new Keys(this.#root, this.#stage, this.#keyTarget());
            this.#stage.addEventListener("dblclick", () => this.#closeLasso());
            document.addEventListener("fullscreenchange", () => this.#layOut());
            window.addEventListener("resize", () => this.#layOut());
            this.#toolbar.showSettings(this.#settings);
            this.#choose(this.#toolId);
            this.#view.opacity = this.#settings.overlay;
            this.#view.palette = this.#settings.palette;
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
                guide: (points) => painter.#marks.guide(points),
                colours: () => globalThis.diffdiff.readColours(painter.#picture, painter.#map.width, painter.#map.height),
            };
        }

        /** @returns {PointerTarget} */
        #pointerTarget() {
            return {
                hasPicture: () => this.#picture !== null,
                hasFocus: () => this.#root.contains(document.activeElement),
                hover: (event) => this.#picture && this.#marks.hover(event),
                interrupted: () => this.#abandon(),
                idle: (sample) => {
                    if (this.#toolId === "lasso") this.#tools.lasso.hover(sample);
                },
                begin: (isPenEraser) => {
                    if (!this.#canPaint()) return null;
                    if (this.#adjustment) this.#abandon();
                    return isPenEraser ? this.#tools.eraser : this.#tools[this.#toolId];
                },
            };
        }

        /** @returns {KeyTarget} */
        #keyTarget() {
            return {
                hasPicture: () => this.#picture !== null,
                act: (id) => this.#act(id),
                step: (direction, isStrength) => this.#step(direction, isStrength),
                escape: () => this.#escape(),
                holdSpace: (isHeld) => this.#pointers.holdSpace(isHeld),
                pan: (x, y) => {
                    if (this.#view.isFitted) return false;
                    this.#view.panBy(x, y);
                    return true;
                },
                lasso: this.#tools.lasso,
            };
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
            this.#marks.hover(null);
            if (!this.#picture) return;
            this.#toolbar.setLargestSize(Math.max(512, this.#map.width, this.#map.height));
            this.#toolbar.showSetting("size", this.#settings.size);
            this.#toolbar.showHistory(this.#map);
            this.#view.show(this.#picture, this.#map);
            this.#layOut();
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
            this.#marks.refresh();
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
            if (!this.#root || !this.#picture || !this.#fits || this.#pointers.isBusy || this.#adjustment) return false;
            if (!url.startsWith("data:image/")) {
                if (this.#isTouched) this.#sender.send(this.#map);
                return true;
            }
            this.#takeFrom(async () => {
                const map = asMap(await globalThis.diffdiff.loadImage(url));
                return this.#page.whiteKeeps ? { ...map, pixels: globalThis.diffdiff.inverted(map.pixels) } : map;
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
            this.#outline();
        }

        #set(id, value) {
            this.#settings[id] = value;
            globalThis.diffdiff.saveSettings(this.#settings);
            if (id === "overlay") this.#view.opacity = value;
            if (id === "palette") this.#view.palette = value;
            if (id === "size") this.#outline();
        }

        #outline() {
            this.#marks.diameter = OUTLINED.includes(this.#toolId) ? this.#settings.size : null;
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
            this.#pointers.cancel();
            this.#tools.lasso.cancel();
            this.#closeAdjustment();
            if (this.#map) this.#view.invalidate(this.#map.revert());
        }

        #escape() {
            if (this.#pointers.isBusy || this.#adjustment || this.#tools.lasso.isOpen) {
                this.#abandon();
                this.#stage.focus();
                return true;
            }
            if (document.fullscreenElement !== this.#root) return false;
            document.exitFullscreen();
            return true;
        }

        /** Says so where it is not possible now. */
        #canPaint() {
            if (!this.#picture) return false;
            if (!this.#fits) this.#askAboutSize();
            return this.#fits;
        }

        #tell(text, choices = { OK: () => this.#dismiss() }) {
            const { element } = globalThis.diffdiff;
            const nodes = Object.entries(choices).map(([label, onClick]) => {
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
        }

        #change(id, value) {
            this.#toolbar.showSetting(id, value);
            this.#set(id, value);
        }

        #closeLasso() {
            if (this.#toolId === "lasso" && this.#tools.lasso.isOpen) this.#tools.lasso.close();
        }

        /** What the readout says. @param {?{clientX: number, clientY: number}} at */
        #describe(at) {
            if (!this.#picture) return "Put a picture into the img2img tab, then paint here how much each part may change.";
            const value = at && this.#valueAt(at.clientX, at.clientY);
            if (value === null) return `${this.#picture.naturalWidth} × ${this.#picture.naturalHeight} px`;
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

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Painter });
}
