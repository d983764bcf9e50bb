"use strict";

{
    const ZOOM_STEP = 1.25;
    const SMALLEST_ROOM = 240;
    const SHARE_OF_WINDOW = 0.7;
    const STRENGTH_STEP = 0.05;
    const OUTLINED = ["brush", "eraser"];
    /** The brush's size until the user chooses one, as a share of the picture's longer side. */
    const USUAL_SIZE = 1 / 16;

    /** The painter in its container: shows the map over the host's picture, and turns tools and buttons into edits. */
    class Painter {
        #container;
        #page;
        #document;
        #files;
        #root;
        #stage;
        #notice;
        #toolbar;
        #view;
        #marks;
        #pointers;
        #bench;
        #settings = globalThis.diffdiff.loadSettings();
        #surface;
        #tools;
        #toolId = "brush";
        #adjustment = null;
        #observer = new ResizeObserver(() => this.#layOut());

        /**
         * @param {HTMLElement} container
         * @param {HostPage} page
         */
        constructor(container, page) {
            const { MapDocument, MapFiles, Notice } = globalThis.diffdiff;
            this.#container = container;
            this.#page = page;
            this.#files = new MapFiles(container, (file) => this.take(file));
            this.#document = new MapDocument(page, {
                interrupt: () => this.#abandon(),
                changed: () => this.#showState(),
            });
            this.#notice = new Notice(this.#document);
            this.#observer.observe(container);
        }

        /** Makes a picture's file the map; what stands in the way is said in the painter. @param {File} file */
        take(file) {
            return this.#take(() => this.#page.readMap(file, file.name));
        }

        /** There is no map any more. */
        drop() {
            if (this.#document.inForce) this.#document.drop();
        }

        /** @param {string} message that stands in the painter until it is read */
        say(message) {
            this.#notice.say(message);
        }

        /** Opens the panel and fills the window with the painter. */
        openFull() {
            const { HostRun, PanelFields } = globalThis.diffdiff;
            const wasOff = !new PanelFields().isEnabled;
            new HostRun().openPanel();
            const open = () => {
                if (!this.#container.clientWidth) return;
                observer.disconnect();
                this.#layOut();
                this.#bench.open(wasOff);
            };
            const observer = new ResizeObserver(open); // the panel opens in its own time
            observer.observe(this.#container);
        }

        /** @returns {?number} the map's strength 0..1 under a client point; null outside the picture */
        strengthAt(clientX, clientY) {
            const value = this.#valueAt(clientX, clientY);
            return value === null ? null : value / 255;
        }

        /** @returns {?{width: number, height: number, pixels: Uint8Array}} as `MapDocument.inForce` */
        get inForce() {
            return this.#document.inForce;
        }

        /** @returns {number} as `MapDocument.edits` */
        get edits() {
            return this.#document.edits;
        }

        // ---- page ----

        #layOut() {
            if (!this.#container.clientWidth) return;
            if (!this.#root) this.#mount();
            const { picture } = this.#document;
            const aspect = picture ? picture.naturalHeight / picture.naturalWidth : 0;
            const most = Math.max(SMALLEST_ROOM, window.innerHeight * SHARE_OF_WINDOW);
            this.#stage.style.height = picture && !this.#bench.isOpen ? `${Math.min(most, this.#stage.clientWidth * aspect)}px` : "";
            this.#view.setRoom(this.#stage.clientHeight);
        }

        #mount() {
            const { element, Toolbar, MapView, Marks, Pointers, Keys, Workbench, createTools } = globalThis.diffdiff;
            this.#toolbar = new Toolbar({
                onAction: (id) => this.#act(id),
                onSetting: (id, value) => this.#set(id, value),
            });
            this.#stage = element("div", "diffdiff-stage", { tabIndex: 0 });
            this.#stage.setAttribute("role", "application");
            this.#stage.setAttribute("aria-label", "Change map over the picture");
            this.#view = new MapView(this.#stage, () => this.#marks.refresh());
            this.#marks = new Marks(this.#stage, this.#view, (at) => this.#describe(at));
            const { tools, options, actions, look } = this.#toolbar;
            const foot = element("div", "diffdiff-bar diffdiff-foot", {}, [this.#marks.readout, look]);
            const room = element("div", "diffdiff-room", {}, [this.#stage, this.#notice.node]);
            this.#root = element("div", "diffdiff-painter", {}, [tools, options, actions, room, foot]);
            this.#root.setAttribute("role", "group");
            this.#root.setAttribute("aria-label", "Change map painter");
            this.#container.append(this.#root);
            this.#bench = new Workbench(this.#root, room, {
                pictureSource: () => this.#document.picture?.src ?? null,
                hasMap: () => this.inForce !== null,
                resized: () => this.#layOut(),
            });
            this.#surface = this.#createSurface();
            this.#tools = createTools(this.#surface);
            this.#pointers = new Pointers(this.#stage, this.#view, this.#pointerTarget());
            new Keys(this.#root, this.#stage, this.#keyTarget());
            this.#stage.addEventListener("dblclick", () => this.#tools.lasso.isOpen && this.#tools.lasso.close());
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
            const owner = this.#document;
            return {
                get map() {
                    return owner.map;
                },
                get brush() {
                    return owner.brush;
                },
                get settings() {
                    return { ...painter.#settings, size: painter.#size };
                },
                get paint() {
                    return { value: Math.round(255 * painter.#settings.strength), opacity: painter.#settings.opacity };
                },
                get pixelSize() {
                    return 1 / painter.#view.scale;
                },
                changed: (rect) => painter.#view.invalidate(rect),
                finish: () => painter.#finish(),
                revert: () => painter.#view.invalidate(owner.map.revert()),
                guide: (points) => painter.#marks.guide(points),
                colours: () => globalThis.diffdiff.readColours(owner.picture, owner.map.width, owner.map.height),
            };
        }

        /** @returns {PointerTarget} */
        #pointerTarget() {
            return {
                hasPicture: () => this.#document.picture !== null,
                isFull: () => this.#bench.isOpen,
                hover: (event) => {
                    if (event?.pointerType === "pen") this.#toolbar.showPen();
                    if (this.#document.picture) this.#marks.hover(event);
                },
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
                hasPicture: () => this.#document.picture !== null,
                isFull: () => this.#bench.isOpen,
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

        // ---- the map's state ----

        #showState() {
            if (!this.#root) return;
            const { picture, map } = this.#document;
            this.#root.classList.toggle("diffdiff-empty", !picture);
            this.#marks.hover(null);
            this.#notice.refresh();
            if (!picture) return;
            this.#toolbar.setLargestSize(Math.max(512, map.width, map.height));
            this.#toolbar.showSetting("size", this.#size);
            this.#outline();
            this.#toolbar.showHistory(map);
            this.#view.show(picture, map);
            this.#layOut();
        }

        /** Makes the running edit final. */
        #finish() {
            if (this.#document.commit()) this.#showEdit();
        }

        #showEdit() {
            this.#notice.say("");
            this.#toolbar.showHistory(this.#document.map);
            this.#marks.refresh();
        }

        /** @param {() => Promise<TakenMap>} read */
        async #take(read) {
            this.#notice.say("");
            await this.#document.take(read).catch((error) => this.#notice.say(error.message));
        }

        // ---- actions ----

        #act(id) {
            if (id in this.#tools) return this.#choose(id);
            const looks = {
                zoomIn: () => this.#view.zoomBy(ZOOM_STEP),
                zoomOut: () => this.#view.zoomBy(1 / ZOOM_STEP),
                fit: () => this.#view.fit(),
                fullScreen: () => (this.#bench.isOpen ? this.#bench.close() : this.#bench.open()),
            };
            if (looks[id]) return looks[id]();
            const sources = {
                importMap: () => this.#files.choose(),
                fromMask: () => this.#take(() => this.#page.readMask(this.#document.map)),
                fromResult: () => this.#take(() => this.#page.readResult()),
            };
            if (sources[id]) return sources[id]();
            if (!this.#canPaint()) return;
            this.#abandon();
            const { map } = this.#document;
            const { fillAll, invert } = globalThis.diffdiff;
            const edit = (rect) => {
                this.#view.invalidate(rect);
                this.#finish();
            };
            const edits = {
                undo: () => this.#travel(map.undo()),
                redo: () => this.#travel(map.redo()),
                fillAll: () => edit(fillAll(map, { ...this.#surface.paint, opacity: 1 })),
                clear: () => this.#document.drop(),
                invert: () => edit(invert(map)),
                blur: () => this.#adjust("blur"),
                levels: () => this.#adjust("levels"),
                exportMap: () => this.#export(),
            };
            edits[id]();
        }

        #choose(toolId) {
            this.#abandon();
            this.#bench.showMap();
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

        /** Of the brush, in picture pixels: the user's choice, or what suits the picture. */
        get #size() {
            const { map } = this.#document;
            return this.#settings.size ?? Math.max(1, Math.round(Math.max(map?.width ?? 0, map?.height ?? 0) * USUAL_SIZE));
        }

        #outline() {
            this.#marks.diameter = OUTLINED.includes(this.#toolId) ? this.#size : null;
        }

        #travel(rect) {
            if (!rect) return;
            this.#view.invalidate(rect);
            this.#document.edited();
            this.#showEdit();
        }

        #adjust(kind) {
            const { picture, map } = this.#document;
            const end = () => {
                this.#closeAdjustment();
                this.#stage.focus({ preventScroll: true });
            };
            this.#adjustment = new globalThis.diffdiff.Adjustment(kind, map, {
                show: (seen) => this.#view.show(picture, seen),
                edit: (work) => this.#document.edit(work),
                applied: () => {
                    this.#showEdit();
                    end();
                },
                cancelled: end,
            });
            this.#toolbar.adjust(this.#adjustment.node);
            this.#adjustment.focus();
        }

        #closeAdjustment() {
            this.#adjustment?.close();
            this.#adjustment = null;
            this.#toolbar.adjust(null);
        }

        async #export() {
            const { settled, width, height } = this.#document.map;
            globalThis.diffdiff.save(await globalThis.diffdiff.encodePng(settled, width, height), "change-map.png");
        }

        /** Ends whatever is half done without keeping it. */
        #abandon() {
            if (!this.#tools) return;
            this.#pointers.cancel();
            this.#tools.lasso.cancel();
            this.#closeAdjustment();
            this.#view.invalidate(this.#document.map?.revert());
        }

        #escape() {
            if (this.#pointers.isBusy || this.#adjustment || this.#tools.lasso.isOpen) {
                this.#abandon();
                this.#stage.focus();
                return true;
            }
            if (!this.#bench.isOpen) return false;
            if (this.#bench.isComparing) this.#bench.showMap();
            else this.#bench.close();
            return true;
        }

        /** Only a map of the picture's size can be painted on: the notice asks what is to become of another. */
        #canPaint() {
            return this.#document.picture !== null && this.#document.fits;
        }

        /** Brush size by a tenth, at least one pixel; with Shift the strength. */
        #step(direction, isStrength) {
            const strength = this.#settings.strength + direction * STRENGTH_STEP;
            if (isStrength) return this.#change("strength", Math.round(100 * Math.min(1, Math.max(0, strength))) / 100);
            const size = this.#size + direction * Math.max(1, Math.round(this.#size / 10));
            this.#change("size", Math.min(this.#toolbar.largestSize, Math.max(1, size)));
        }

        #change(id, value) {
            this.#toolbar.showSetting(id, value);
            this.#set(id, value);
        }

        /** What the readout says. @param {?{clientX: number, clientY: number}} at */
        #describe(at) {
            const { picture } = this.#document;
            if (!picture) return "Put a picture into the img2img tab, then paint here how much each part may change.";
            const value = at && this.#valueAt(at.clientX, at.clientY);
            if (value === null) return `${picture.naturalWidth} × ${picture.naturalHeight} px`;
            const { steps, of } = this.#page.stepsOf(value);
            const { denoising } = this.#page;
            const [share, strength] = [value / 255, (value / 255) * denoising].map((number) => number.toFixed(2));
            return `${share} of ${denoising.toFixed(2)} = ${strength} · ${steps} of ${of} steps`;
        }

        #valueAt(clientX, clientY) {
            const { picture, map } = this.#document;
            if (!picture || !this.#root) return null;
            const { x, y } = this.#view.toPicture(clientX, clientY);
            const column = Math.floor((x * map.width) / picture.naturalWidth);
            const row = Math.floor((y * map.height) / picture.naturalHeight);
            return column >= 0 && row >= 0 && column < map.width && row < map.height ? map.pixels[row * map.width + column] : null;
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Painter });
}
