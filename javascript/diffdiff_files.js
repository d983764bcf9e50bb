"use strict";

{
    /** The ways in for a map's file: a button's dialog, a drop, the clipboard. */
    class MapFiles {
        #input;
        #container;
        #onFile;

        /**
         * @param {HTMLElement} container files are dropped on, and pasted while the pointer or the focus is in
         * @param {(file: File) => void} onFile
         */
        constructor(container, onFile) {
            this.#container = container;
            this.#onFile = onFile;
            this.#input = Object.assign(document.createElement("input"), { type: "file", accept: "image/*", hidden: true });
            this.#input.setAttribute("aria-label", "Change map file");
            this.#input.addEventListener("change", () => {
                this.#give(this.#input.files);
                this.#input.value = ""; // the same file may be chosen again
            });
            container.append(this.#input);
            for (const type of ["dragenter", "dragover"]) container.addEventListener(type, (event) => this.#drag(event));
            for (const type of ["dragleave", "drop"]) container.addEventListener(type, () => this.#mark(false));
            container.addEventListener("drop", (event) => this.#handle(event, event.dataTransfer));
            document.addEventListener("paste", (event) => this.#isMeant(event) && this.#handle(event, event.clipboardData), true);
        }

        /** Opens the file dialog. */
        choose() {
            this.#input.click();
        }

        #drag(event) {
            if (!event.dataTransfer.types.includes("Files")) return;
            event.preventDefault();
            event.stopPropagation();
            this.#mark(true);
        }

        #mark(isOver) {
            this.#container.classList.toggle("diffdiff-dropping", isOver);
        }

        /** The hosts paste pictures too: the clipboard is ours only where the pointer or the focus is. */
        #isMeant({ target }) {
            if (target instanceof Element && target.closest("input, textarea, [contenteditable]")) return false;
            return this.#container.matches(":hover") || this.#container.contains(document.activeElement);
        }

        #handle(event, { files }) {
            if (!files.length) return;
            event.preventDefault();
            event.stopImmediatePropagation();
            this.#give(files);
        }

        #give(files) {
            if (files.length) this.#onFile(files[0]);
        }
    }

    /** Hands a file to the user. @param {Blob} blob @param {string} name */
    function save(blob, name) {
        const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
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

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { MapFiles, save, dataUrl });
}
