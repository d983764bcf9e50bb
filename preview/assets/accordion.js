"use strict";
/* InputAccordion: a checkbox in an accordion's title. Opening checks it and closing unchecks it, until the box itself is
   used; from then on the two go their own ways. */

class InputAccordion {
    #label;
    #hidden;
    #box;
    #followsAccordion = true;

    /** @param {HTMLElement} accordion */
    constructor(accordion) {
        this.#label = accordion.querySelector(".label-wrap");
        this.#hidden = gradioApp().querySelector(`#${accordion.id}-checkbox input`);
        this.#box = document.createElement("input");
        this.#box.type = "checkbox";
        this.#box.id = `${accordion.id}-visible-checkbox`;
        this.#box.className = `${this.#hidden.className} input-accordion-checkbox`;
        this.#box.setAttribute("aria-label", `enable ${this.#label.innerText.trim()}`);
        this.#box.checked = this.#hidden.checked;
        this.#label.querySelector("span").prepend(this.#box);
        const extra = gradioApp().querySelector(`#${accordion.id}-extra`);
        if (extra) {
            this.#label.insertBefore(extra, this.#label.lastElementChild);
        }
        this.#box.addEventListener("click", (event) => {
            event.stopPropagation();
            this.#followsAccordion = false;
            this.#send();
        });
        new MutationObserver(() => {
            if (this.#followsAccordion && this.#box.checked !== this.#isOpen) {
                this.#box.checked = this.#isOpen;
                this.#send();
            }
        }).observe(this.#label, { attributes: true, attributeFilter: ["class"] });
    }

    get #isOpen() {
        return this.#label.classList.contains("open");
    }

    #send() {
        if (this.#hidden.checked !== this.#box.checked) {
            this.#hidden.click();
        }
    }

    /** The value was changed by the server, or is to be by another script. */
    follow(checked) {
        this.#box.checked = checked;
        this.#send();
        if (this.#followsAccordion && this.#isOpen !== checked) {
            this.#label.click();
        }
    }
}

const inputAccordions = new Map();

function inputAccordionChecked(id, checked) {
    inputAccordions.get(id)?.follow(checked);
}

onUiLoaded(() => {
    for (const accordion of gradioApp().querySelectorAll(".input-accordion")) {
        inputAccordions.set(accordion.id, new InputAccordion(accordion));
    }
});
