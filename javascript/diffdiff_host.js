"use strict";

{
    /** The img2img tab's picture elements; the mask's, where the tab has one, comes along. */
    const PICTURES = ["img2img_image", "img2img_sketch", "img2maskimg", "inpaint_sketch", "img_inpaint_base"];
    /** As the hosts round a mask. */
    const rounded = (value) => (value > 128 ? 255 : 0);
    const SETTLE_MS = 100;
    /** Choices that a pasted infotext changes cause no event on the page. */
    const POLL_MS = 300;
    /** Relative, as the hosts' own addresses are: they may be served from a folder. */
    const READ_MAP = "./differential-diffusion/map";
    const BETWEEN_CHANGES_MS = 100;
    /** Places among the resize modes. */
    const [CROP, FILL] = [1, 2];
    /** How far a browser that adds noise to what is read from a canvas moves a value. */
    const NOISE = 2;

    const byId = (id) => gradioApp().querySelector(`#${id}`);
    const isShown = (element) => element !== null && element.getClientRects().length > 0;

    function numberIn(id) {
        return Number.parseFloat(byId(id)?.querySelector("input[type=number]")?.value);
    }

    /** @param {string} source URL @returns {Promise<HTMLImageElement>} */
    async function loadImage(source) {
        const image = new Image();
        image.src = source;
        await image.decode();
        return image;
    }

    /**
     * @param {CanvasImageSource} source
     * @param {number} width
     * @param {number} height
     * @returns {Uint8ClampedArray} RGBA
     */
    function readColours(source, width, height) {
        const canvas = document.createElement("canvas");
        canvas.width = width;
        canvas.height = height;
        const context = canvas.getContext("2d", { willReadFrequently: true });
        context.drawImage(source, 0, 0, width, height);
        return context.getImageData(0, 0, width, height).data;
    }

    /**
     * The one place that knows the pages of AUTOMATIC1111 and Forge: where their pictures, masks, sliders and our
     * hidden fields are found.
     */
    class HostPage {
        /**
         * @param {() => void} onChange the visible tab or its picture may have become another
         */
        watchPicture(onChange) {
            let timer = null;
            const soon = () => {
                timer ??= setTimeout(() => {
                    timer = null;
                    onChange();
                }, SETTLE_MS);
            };
            new MutationObserver(soon).observe(byId("mode_img2img"), {
                subtree: true,
                childList: true,
                attributes: true,
                attributeFilter: ["src", "class", "style"],
            });
            onChange();
        }

        /**
         * @param {number} value of the map, 0..255
         * @returns {{steps: number, of: number}} how many of the current steps a pixel of this value is free in
         */
        stepsOf(value) {
            return this.freeSteps((value / 255) * this.denoising);
        }

        /**
         * @param {number} strength 0..1
         * @param {number} strongest the run's own strength, 0..1
         * @returns {{steps: number, of: number}} how many of the current steps a pixel of this strength is free in
         */
        freeSteps(strength, strongest = this.denoising) {
            const steps = numberIn("img2img_steps") || 0;
            if (!strength) return { steps: 0, of: steps };
            const levels = window.opts?.img2img_fix_steps ? Math.floor(steps / Math.min(strongest, 0.999)) : steps;
            const free = Math.floor(Math.min(strength, 0.999) * levels) + 1 - (idleSteps()[samplerName()] ?? 0);
            return { steps: Math.max(0, Math.min(steps, free)), of: steps };
        }

        /** The denoising-strength slider, 0..1. */
        get denoising() {
            return numberIn("img2img_denoising_strength") || 0;
        }

        /** @param {string} name of one of the tab's numbers: its element id without "img2img_" */
        number(name) {
            return numberIn(`img2img_${name}`);
        }

        /** @param {Object<string, ?number>} values by the names of `number`; null leaves one as it is */
        setNumbers(values) {
            const given = Object.entries(values).filter(([, value]) => value !== null);
            return writeFields(given.map(([name, value]) => [byId(`img2img_${name}`).querySelector("input[type=number]"), value]));
        }

        /** URL of the visible tab's picture; null when it has none, undefined while no such tab is seen. @returns {?string|undefined} */
        get pictureSource() {
            const box = this.#pictureBox();
            return box ? imageSource(box) : undefined;
        }

        /** Whether the WebUI is set to change what lies outside the inpaint mask. */
        get isMaskInverted() {
            return byId("img2img_mask_mode")?.querySelector("input:checked")?.value === "Inpaint not masked";
        }

        /** What the WebUI itself would soften the mask's border with in this run. @returns {string[]} */
        get ownSoftening() {
            const ways = [];
            if (isShown(byId("img2img_mask_blur")) && numberIn("img2img_mask_blur") > 0) ways.push("Mask blur");
            if (byId("soft_inpainting_enabled-checkbox")?.querySelector("input")?.checked) ways.push("Soft inpainting");
            return ways;
        }

        /**
         * How the run brings the picture to another shape; null where it keeps the whole of it, stretched or not.
         * @param {boolean} hasMask
         * @returns {?{width: number, height: number, isCropped: boolean}} size in pixels, and whether borders are lost or filled up
         */
        reshaping(hasMask) {
            const mode = [...(byId("resize_mode")?.querySelectorAll("input") ?? [])].findIndex((input) => input.checked);
            const area = byId("img2img_inpaint_full_res")?.querySelector("input:checked")?.value;
            const isByScale = isShown(byId("img2img_scale"));
            if (![CROP, FILL].includes(mode) || isByScale || (hasMask && area === "Only masked")) return null;
            return { width: numberIn("img2img_width"), height: numberIn("img2img_height"), isCropped: mode === CROP };
        }

        get isRunning() {
            return isShown(byId("img2img_interrupt"));
        }

        generate() {
            byId("img2img_generate").click();
        }

        /** What Python says of the last run, as JSON; empty before the first. @returns {string} */
        get generationInfo() {
            return byId("generation_info_img2img")?.querySelector("textarea, input")?.value ?? "";
        }

        /** Of the gallery's pictures. @returns {string[]} */
        get infotexts() {
            return this.generationInfo ? (JSON.parse(this.generationInfo).infotexts ?? []) : [];
        }

        /** Infotext of the gallery's selected picture; empty when there is none. @returns {string} */
        get selectedInfotext() {
            return this.infotexts[selected_gallery_index()] ?? this.infotexts[0] ?? "";
        }

        /** Whether the panel says that white keeps, which is the opposite of what the painter's maps mean. */
        get whiteKeeps() {
            return byId("diffdiff_polarity")?.querySelector("input:checked")?.value === "white keeps";
        }

        /** @param {string} dataUrl the map for Python; empty for none */
        sendMap(dataUrl) {
            const field = mapField();
            if (field && field.value !== dataUrl) writeField(field, dataUrl);
        }

        /** @param {() => void} onChange `whiteKeeps` became another */
        watchPolarity(onChange) {
            let { whiteKeeps } = this;
            setInterval(() => {
                if (this.whiteKeeps === whiteKeeps) return;
                whiteKeeps = !whiteKeeps;
                onChange();
            }, POLL_MS);
        }

        /**
         * @param {string} digest
         * @returns {Promise<?File>} the map of a saved picture; null where it was not kept
         */
        async keptMap(digest) {
            const reply = await fetch(`${READ_MAP}/${encodeURIComponent(digest)}`);
            return reply.ok ? new File([await reply.blob()], `map ${digest}`, { type: "image/png" }) : null;
        }

        /**
         * Has Python read a picture's file as it reads a request's map.
         * @param {Blob} file of any kind
         * @param {string} name
         * @returns {Promise<TakenMap>}
         * @throws {Error} in words for the user, where it cannot be read
         */
        async readMap(file, name) {
            const reply = await fetch(READ_MAP, { method: "POST", body: file });
            if (!reply.ok) {
                const { detail } = await reply.json().catch(() => ({ detail: `the WebUI answered ${reply.status}` }));
                throw new Error(`“${name}” cannot be used as a map: ${detail}`);
            }
            const png = await reply.blob();
            return { ...(await globalThis.diffdiff.decodePng(png)), url: await globalThis.diffdiff.dataUrl(png), name };
        }

        /**
         * Holds back a click on Generate until `flush` is done, so that a run never starts with an older map.
         * @param {() => boolean} isBehind
         * @param {() => Promise<void>} flush
         */
        guardGenerate(isBehind, flush) {
            document.addEventListener(
                "click",
                async (event) => {
                    const button = event.target instanceof Element && event.target.closest("#img2img_generate");
                    if (!button || !isBehind()) return;
                    event.stopImmediatePropagation();
                    event.preventDefault();
                    await flush().finally(() => setTimeout(() => button.click()));
                },
                true,
            );
        }

        /**
         * The inpaint mask that is painted or uploaded in the visible tab.
         * @param {?{width: number, height: number}} size that it is brought to, its own without one
         * @returns {Promise<TakenMap>} 0 or 255
         * @throws {Error} where there is none
         */
        async readMask(size) {
            const mask = await this.greyMask();
            const { width, height } = size ?? mask ?? {};
            const pixels = mask && globalThis.diffdiff.resample(mask, width, height).map(rounded);
            if (!pixels?.includes(255)) throw new Error("There is no inpaint mask in the tab that is open above.");
            return { width, height, pixels };
        }

        /**
         * @param {number} longest side of what is returned, in pixels; the mask is reduced to it
         * @returns {Promise<?{width: number, height: number, pixels: Uint8Array, scale: number}>} the mask as it is painted or
         *     uploaded; `scale` of its pixels make one of what was painted on
         */
        async greyMask(longest = Infinity) {
            const source = this.maskSource;
            if (!source) return null;
            const picture = typeof source === "string" ? await loadImage(source) : source;
            const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
            const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
            const colours = readColours(picture, width, height);
            const pixels = picture.getAttribute("key") === "drawing" ? await this.#sketched(colours, width, height) : greyOf(colours).map(withoutNoise);
            return { width, height, pixels: this.#isScribble ? pixels.map(rounded) : pixels, scale };
        }

        /** The mask that AUTOMATIC1111 makes in its Inpaint sketch tab: where the drawing is no longer the picture. */
        async #sketched(colours, width, height) {
            const before = readColours(await loadImage(this.pictureSource), width, height);
            const strength = Math.floor(255 * (1 - numberIn("img2img_mask_alpha") / 100));
            const isBrushed = (i) => [0, 1, 2].some((channel) => Math.abs(colours[4 * i + channel] - before[4 * i + channel]) > NOISE);
            return Uint8Array.from({ length: width * height }, (_, i) => (isBrushed(i) ? strength : 0));
        }

        /** Where the visible tab's mask is: a URL, or the canvas that it is painted on. @returns {?(string|HTMLCanvasElement)} */
        get maskSource() {
            const box = this.#pictureBox();
            if (!box) return null;
            const canvas = box.querySelector(`canvas[key="${box.id === "inpaint_sketch" ? "drawing" : "mask"}"]`);
            return canvas ?? (box.id === "img_inpaint_base" ? imageSource(byId("img_inpaint_mask")) : scribbleOf(box));
        }

        /** The gallery's picture that is selected or shown large, else its first. @returns {Promise<TakenMap>} */
        async readResult() {
            const gallery = byId("img2img_gallery");
            const image =
                gallery?.querySelector(".thumbnail-item.selected img") ??
                gallery?.querySelector('[data-testid="detailed-image"]') ??
                gallery?.querySelector("img");
            if (!image) throw new Error("The gallery has no picture yet.");
            return this.readMap(await (await fetch(image.src)).blob(), "The result");
        }

        /** Forge's strokes are all or nothing, however see-through they look. */
        get #isScribble() {
            const box = this.#pictureBox();
            return box !== null && scribbleOf(box) !== null;
        }

        #pictureBox() {
            return PICTURES.map(byId).find(isShown) ?? null;
        }
    }

    /** Sets a field so that Python receives the value. */
    function writeField(field, value) {
        field.value = value;
        updateInput(field);
    }

    /**
     * One after the other: gradio loses one of two changes that come at once.
     * @param {[HTMLInputElement, number][]} changes
     */
    async function writeFields(changes) {
        for (const [field, value] of changes) {
            writeField(field, value);
            await new Promise((resolve) => setTimeout(resolve, BETWEEN_CHANGES_MS));
        }
    }

    function mapField() {
        return byId("diffdiff_map")?.querySelector("textarea, input");
    }

    /** @returns {?string} */
    function imageSource(box) {
        const images = [...(box?.querySelectorAll("img") ?? [])];
        return images.map((image) => image.getAttribute("src")).find(Boolean) ?? null;
    }

    /** Forge keeps what is scribbled on a canvas as a picture in a text field beside it. @returns {?string} */
    function scribbleOf(box) {
        const id = box.querySelector(".forge-container")?.id.replace(/^container_/, "");
        return (id && gradioApp().querySelector(`#${CSS.escape(id)}.logical_image_foreground textarea`)?.value) || null;
    }

    /** What is all but black is black, and so for white. */
    function withoutNoise(value) {
        return value <= NOISE ? 0 : value >= 255 - NOISE ? 255 : value;
    }

    /** A mask's values: how opaque it is, or how bright if all of it is opaque. */
    function greyOf(rgba) {
        const opaque = rgba.every((value, i) => i % 4 !== 3 || value >= 255 - NOISE);
        return opaque ? globalThis.diffdiff.luminance(rgba) : Uint8Array.from({ length: rgba.length / 4 }, (_, i) => rgba[4 * i + 3]);
    }

    /** How many steps fewer than others a sampler makes, as Python knows of this WebUI's. @returns {Object<string, number>} */
    function idleSteps() {
        return JSON.parse(byId("diffdiff_idle_steps")?.querySelector("textarea, input")?.value || "{}");
    }

    function samplerName() {
        const box = byId("img2img_sampling");
        return (box?.querySelector("input:checked") ?? box?.querySelector("input, select"))?.value;
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { HostPage, loadImage, readColours, writeField, writeFields });
}
