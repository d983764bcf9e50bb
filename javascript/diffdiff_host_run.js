"use strict";

{
    const byId = (id) => gradioApp().querySelector(`#${id}`);
    const LABELLED_FAN = "Differential Diffusion picture: labelled fan";
    const fieldOf = (id) => byId(id)?.querySelector("textarea, input[type=number]");

    /** A run as the hosts' page lets it be started and followed: its fields, its progress, what became of it. */
    class HostRun {
        static #FIELDS = {
            prompt: "img2img_prompt",
            strength: "img2img_denoising_strength",
            softness: "diffdiff_softness",
        };

        /** @param {"prompt"|"strength"|"softness"} name @returns {string} */
        read(name) {
            return fieldOf(HostRun.#FIELDS[name])?.value ?? "";
        }

        /** @param {"prompt"|"strength"|"softness"} name @param {string|number} value */
        write(name, value) {
            globalThis.diffdiff.writeField(fieldOf(HostRun.#FIELDS[name]), value);
        }

        generate() {
            byId("img2img_generate").click();
        }

        fan() {
            byId("diffdiff_fan").click();
        }

        interrupt() {
            byId("img2img_interrupt").click();
        }

        /** @returns {?{share: number, text: string, picture: ?string}} how far the run is, 0..1, and its live preview */
        get progress() {
            const bar = byId("img2img_gallery_container")?.querySelector(".progressDiv") ?? gradioApp().querySelector(".progressDiv");
            if (!bar) return null;
            const share = Number.parseFloat(bar.querySelector(".progress")?.style.width) / 100 || 0;
            const pictures = gradioApp().querySelectorAll("#img2img_gallery_container .livePreview img");
            return { share, text: bar.textContent.trim(), picture: pictures.item(pictures.length - 1)?.src ?? null };
        }

        /** What the host says went wrong; empty when nothing did. @returns {string} */
        get error() {
            return byId("html_log_img2img")?.querySelector(".error")?.textContent.trim() ?? "";
        }

        /**
         * The picture that the last run was for: a labelled fan, or else the first that is no grid of several.
         * @returns {?{source: string, infotext: string}} its URL and what it was made with
         */
        get result() {
            const { infotexts = [], index_of_first_image: first = 0 } = this.#info;
            const gallery = byId("img2img_gallery");
            const thumbnails = [...(gallery?.querySelectorAll(".thumbnail-item img") ?? [])];
            const pictures = thumbnails.length ? thumbnails : [...(gallery?.querySelectorAll("img") ?? [])];
            const fan = infotexts.findIndex((text) => text.includes(LABELLED_FAN));
            const index = fan in pictures ? fan : first in pictures ? first : 0;
            return pictures.length ? { source: pictures[index].src, infotext: infotexts[index] ?? "" } : null;
        }

        /** Opens our panel, with its painter in it, and switches the effect on. */
        openPanel() {
            const title = byId("diffdiff").querySelector(".label-wrap, summary");
            const isOpen = byId("diffdiff_painter").clientWidth > 0 || title.classList.contains("open");
            if (isOpen) this.switchTo(true);
            else title.click(); // which switches it on too
            const source = byId("diffdiff_source")?.querySelector("input[value=map]");
            if (byId("diffdiff_source")?.querySelector("input[value=mask]")?.checked) source.click();
        }

        /** Switches the effect. @param {boolean} isOn */
        switchTo(isOn) {
            const box = byId("diffdiff-visible-checkbox") ?? byId("diffdiff-checkbox").querySelector("input");
            if (box.checked !== isOn) box.click();
        }

        /** Puts a button among the host's own tools beside Generate. @param {HTMLElement} button */
        addTool(button) {
            byId("img2img_tools")?.append(button);
        }

        /** Puts what was said in full screen where it is said on the page. @param {Element[]} notes */
        giveBack(notes) {
            byId("img2img_gallery")?.after(...notes);
        }

        get #info() {
            const text = byId("generation_info_img2img")?.querySelector("textarea, input")?.value;
            return text ? JSON.parse(text) : {};
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { HostRun });
}
