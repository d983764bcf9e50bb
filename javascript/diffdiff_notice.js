"use strict";

{
    /** Says in the painter what cannot be seen: which map is in force while it is not this picture's own, and messages. */
    class Notice {
        #document;
        #message = "";

        /** @param {MapDocument} owner of the map */
        constructor(owner) {
            this.#document = owner;
            this.node = globalThis.diffdiff.element("div", "diffdiff-notice", { hidden: true });
            this.node.setAttribute("role", "status");
        }

        /** @param {string} message said until it is read or something is done; empty for none */
        say(message) {
            this.#message = message;
            this.refresh();
        }

        /** Called when the map or its picture have become others. */
        refresh() {
            const [text, choices] = this.#content();
            const { element } = globalThis.diffdiff;
            const buttons = Object.entries(choices).map(([label, onClick]) => {
                const button = element("button", "diffdiff-text", { type: "button", textContent: label });
                button.addEventListener("click", onClick);
                return button;
            });
            this.node.replaceChildren(element("span", "", { textContent: text }), ...buttons);
            this.node.hidden = !text;
        }

        #content() {
            const { picture, map, fileName, fits, inForce, isOfAnotherPicture } = this.#document;
            const keep = { Keep: () => this.#document.keep() };
            const drop = { Drop: () => this.#document.drop() };
            if (this.#message) return [this.#message, { OK: () => this.say("") }];
            if (!inForce) return ["", {}];
            const size = `${map.width} × ${map.height}`;
            if (!picture && !isOfAnotherPicture) return [`The map ${fileName} (${size}) is in use, for the picture to come.`, drop];
            if (!picture) return ["The map of the picture before is still in use.", drop];
            if (!isOfAnotherPicture) return ["", {}];
            if (fits) return ["The map of the picture before is in use.", { ...keep, ...drop }];
            const now = `${picture.naturalWidth} × ${picture.naturalHeight}`;
            return [`The map of the picture before (${size}) is in use, stretched over this one (${now}).`, { ...keep, ...drop }];
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { Notice });
}
