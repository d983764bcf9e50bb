"use strict";

{
    /** Pictures are compared at this many pixels a side. */
    const GLANCE = 64;

    /**
     * A map as it comes from somewhere: a file, the host's mask.
     * @typedef {{width: number, height: number, pixels: Uint8Array, url?: string, name?: string}} TakenMap
     *     `url` holds the same pixels as a PNG, for Python
     */

    /**
     * The one owner of the page's change map: nothing else writes the hidden field that Python reads.
     *
     * What happens to the map (another picture, a file, another polarity) is dealt with one after another, in the order
     * in which it happened, and each begins with a look at the host's picture. A map that nothing is painted on is no
     * map: Python gets none. A map that was taken from a file is handed on as that file until it is painted on.
     */
    class MapDocument {
        #page;
        #handlers;
        #sender;
        #events = Promise.resolve();
        #waiting = 0;
        #source = null;
        #picture = null;
        #map = null;
        #brush = null;
        #file = null;
        #inForce = null;
        #edits = 0;
        /** The picture that the map was made over; null while the map waits for its first. */
        #madeOver = null;

        /**
         * @param {HostPage} page
         * @param {Object} handlers
         * @param {() => void} handlers.interrupt called before the map or its picture become others
         * @param {() => void} handlers.changed called after
         */
        constructor(page, handlers) {
            this.#page = page;
            this.#handlers = handlers;
            this.#sender = new globalThis.diffdiff.MapSender(page);
            page.watchPicture(() => this.#inTurn(() => {}));
            page.watchPolarity(() => this.#inTurn(() => this.#turnOver()));
            page.guardGenerate(
                () => this.#waiting > 0 || this.#sender.isBehind,
                () => this.#settled(),
            );
        }

        /** The host's picture. @returns {?HTMLImageElement} */
        get picture() {
            return this.#picture;
        }

        /** @returns {?ChangeMap} null before there is a picture or a file */
        get map() {
            return this.#map;
        }

        /** @returns {?Brush} of the map */
        get brush() {
            return this.#brush;
        }

        /**
         * What the next run gets, white changes most; null for no map. Another object whenever the map has changed.
         * @returns {?{width: number, height: number, pixels: Uint8Array}}
         */
        get inForce() {
            return this.#inForce;
        }

        /** How often the map has become another. @returns {number} */
        get edits() {
            return this.#edits;
        }

        /** Name of the file that the map is, as it was taken; null once it is painted on. @returns {?string} */
        get fileName() {
            return this.#file?.name ?? null;
        }

        /** Whether the map has the picture's size, and so can be painted on. */
        get fits() {
            const { naturalWidth, naturalHeight } = this.#picture ?? {};
            return this.#map?.width === naturalWidth && this.#map?.height === naturalHeight;
        }

        /** Whether the map in force was made over another picture than the one that is there. */
        get isOfAnotherPicture() {
            return this.#inForce !== null && this.#madeOver !== null && this.#picture !== this.#madeOver;
        }

        /** The map stays, for the picture that is there now. */
        keep() {
            if (!this.#picture) return;
            this.#handlers.interrupt();
            if (!this.fits) this.#start(this.#scaled(this.#map));
            this.#madeOver = this.#picture;
            this.#handlers.changed();
        }

        /** There is no map any more; where its size is the picture's, undo brings it back. */
        drop() {
            this.#handlers.interrupt();
            if (this.#picture && this.fits) {
                this.#map.pixels.fill(0);
                this.#map.touch(this.#map.bounds);
                this.#map.commit();
            } else this.#start();
            this.edited();
            this.#handlers.changed();
        }

        /** Makes the running edit final. @returns {boolean} whether it changed anything */
        commit() {
            const isChanged = this.#map.commit();
            if (isChanged) this.edited();
            return isChanged;
        }

        /**
         * Makes an edit that takes its time: what else happens to the map waits for its end, and so does a run.
         * @param {() => Promise<boolean>} work writes into the map; gives whether it came to its end
         */
        edit(work) {
            return this.#inTurn(async () => {
                if (await work()) this.commit();
            });
        }

        /** The map is not what it was: an edit was made, undone or redone. */
        edited() {
            this.#file = null;
            this.#madeOver = this.#picture;
            this.#hand(this.#map !== null && !this.#map.isBlank);
        }

        /**
         * Replaces the map by one that is read from somewhere, which may take its time.
         * @param {() => Promise<TakenMap>} read
         * @returns {Promise<void>} rejected with what `read` is
         */
        take(read) {
            return this.#inTurn(async () => {
                const taken = await read();
                this.#handlers.interrupt();
                const isFile = taken.url !== undefined;
                const isInverted = isFile && this.#page.whiteKeeps;
                this.#replaceBy(isInverted ? { ...taken, pixels: globalThis.diffdiff.inverted(taken.pixels) } : taken);
                this.#file = isFile ? { name: taken.name, url: taken.url, isInverted } : null;
                this.#madeOver = this.#picture;
                this.#hand(this.#file !== null || !this.#map.isBlank);
                this.#handlers.changed();
            });
        }

        #replaceBy(taken) {
            if (!this.#picture) this.#start(taken);
            else if (!this.fits) this.#start(this.#scaled(taken));
            else {
                this.#map.pixels.set(this.#scaled(taken).pixels);
                this.#map.touch(this.#map.bounds);
                this.#map.commit();
            }
        }

        /** @returns {TakenMap} of the picture's size */
        #scaled(map) {
            const { naturalWidth: width, naturalHeight: height } = this.#picture;
            return { width, height, pixels: globalThis.diffdiff.resample(map, width, height) };
        }

        /** A map without a history; without `content` a blank one of the picture's size, or none where there is no picture. */
        #start(content) {
            const { ChangeMap, Brush } = globalThis.diffdiff;
            const width = content?.width ?? this.#picture?.naturalWidth;
            const height = content?.height ?? this.#picture?.naturalHeight;
            this.#map = width ? new ChangeMap(width, height, { pixels: content?.pixels }) : null;
            this.#brush = this.#map && new Brush(this.#map);
        }

        #hand(isInForce) {
            this.#edits++;
            this.#inForce = isInForce ? { width: this.#map.width, height: this.#map.height, pixels: this.#map.settled } : null;
            this.#sender.send(isInForce ? (this.#file ?? this.#map) : null);
        }

        /** A file means the opposite now, and the map shows what it means; what was painted keeps its meaning. */
        #turnOver() {
            if (!this.#inForce) return;
            if (this.#file && this.#file.isInverted !== this.#page.whiteKeeps) {
                this.#handlers.interrupt();
                this.#file.isInverted = this.#page.whiteKeeps;
                globalThis.diffdiff.invert(this.#map);
                this.#map.commit();
            }
            this.#hand(true);
            this.#handlers.changed();
        }

        #inTurn(event) {
            this.#waiting++;
            const done = this.#events.then(async () => {
                try {
                    await this.#lookAtPicture();
                    await event();
                } finally {
                    this.#waiting--;
                }
            });
            this.#events = done.catch(() => {}); // whoever asked for the event hears of it; the next one has its turn
            return done;
        }

        async #settled() {
            await this.#inTurn(() => {});
            await this.#sender.flush();
        }

        async #lookAtPicture() {
            const source = this.#page.pictureSource;
            if (source === undefined || source === this.#source) return;
            const picture = source && (await globalThis.diffdiff.loadImage(source).catch(() => null));
            this.#source = source;
            this.#handlers.interrupt();
            this.#picture = picture || null;
            if (this.#picture) this.#meet();
            this.#handlers.changed();
        }

        /** What becomes of the map over a picture that has just come. */
        #meet() {
            if (!this.#inForce) this.#start();
            else if (this.#madeOver === null) {
                this.#madeOver = this.#picture;
                if (!this.fits) this.#start(this.#scaled(this.#map));
            } else if (looksLike(this.#madeOver, this.#picture)) this.#madeOver = this.#picture;
        }
    }

    /** Whether two pictures are the same, as far as a glance tells; the hosts' tabs give one picture several addresses. */
    function looksLike(one, other) {
        if (one.naturalWidth !== other.naturalWidth || one.naturalHeight !== other.naturalHeight) return false;
        const [a, b] = [one, other].map((picture) => globalThis.diffdiff.readColours(picture, GLANCE, GLANCE));
        return a.every((value, i) => value === b[i]);
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { MapDocument });
}
