"use strict";
/* The functions of the WebUI's page that extensions call, and what the page itself needs of them. */

/** The host's settings by name, as they were when the page was loaded. */
var opts = {};

const uiLoadedCallbacks = [];
const uiUpdateCallbacks = [];
const afterUiUpdateCallbacks = [];

/** @returns {Document|ShadowRoot} where the page's elements are to be looked for */
function gradioApp() {
    const app = document.querySelector("gradio-app");
    return app?.shadowRoot ?? document;
}

/** @param {() => void} callback called once, when the page is built */
function onUiLoaded(callback) {
    uiLoadedCallbacks.push(callback);
}

/** @param {(changes: MutationRecord[]) => void} callback called at each change of the page */
function onUiUpdate(callback) {
    uiUpdateCallbacks.push(callback);
}

/** @param {() => void} callback called when the page has come to rest after changes */
function onAfterUiUpdate(callback) {
    afterUiUpdateCallbacks.push(callback);
}

/** Tells gradio that the value of an input or textarea was set by a script. */
function updateInput(target) {
    target.dispatchEvent(new Event("input", { bubbles: true }));
}

function get_uiCurrentTab() {
    return gradioApp().querySelector("#tabs > .tab-nav > button.selected");
}

function get_uiCurrentTabContent() {
    return gradioApp().querySelector('#tabs > .tabitem[id^="tab_"]:not([style*="display: none"])');
}

/** @returns {number} index of the selected tab in the tabs with this id */
function get_tab_index(id) {
    const buttons = [...gradioApp().querySelectorAll(`#${id} > .tab-nav > button`)];
    return Math.max(buttons.findIndex((button) => button.classList.contains("selected")), 0);
}

function all_gallery_buttons() {
    return [...gradioApp().querySelectorAll("#img2img_gallery .thumbnail-item.thumbnail-small")];
}

function selected_gallery_button() {
    return all_gallery_buttons().find((button) => button.classList.contains("selected")) ?? null;
}

/** @returns {number} index of the picture that the gallery shows large, -1 if there is none */
function selected_gallery_index() {
    return all_gallery_buttons().findIndex((button) => button.classList.contains("selected"));
}

(() => {
    const run = (callbacks, ...values) => {
        for (const callback of callbacks) {
            try {
                callback(...values);
            } catch (error) {
                console.error(error);
            }
        }
    };
    let loaded = false;
    let rest = 0;
    document.addEventListener("DOMContentLoaded", () => {
        const observer = new MutationObserver((changes) => {
            if (!loaded && gradioApp().querySelector("#img2img_generate")) {
                loaded = true;
                run(uiLoadedCallbacks);
            }
            run(uiUpdateCallbacks, changes);
            clearTimeout(rest);
            rest = setTimeout(() => run(afterUiUpdateCallbacks), 200);
        });
        observer.observe(gradioApp(), { childList: true, subtree: true });
    });
})();

/* Generate, Interrupt, Skip and the progress bar. */

const POLL_MS = 250;

/** Called by gradio with the values of all inputs, before it sends them. */
function submit_img2img(...values) {
    const task = `task(${crypto.randomUUID?.() ?? Math.random()})`;
    showProgress(task);
    values[0] = task;
    values[1] = get_tab_index("mode_img2img");
    return values;
}

async function post(url, body = {}) {
    const response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
    });
    return response.json();
}

/** Shows how far the task is, and the buttons that end it, until the server says that it is done. */
async function showProgress(task) {
    const bar = document.createElement("div");
    bar.className = "progressDiv";
    bar.innerHTML = "<div class='progress'></div><span class='progress-text'>Waiting...</span>";
    const gallery = gradioApp().querySelector("#img2img_gallery_container");
    gallery.prepend(bar);
    gradioApp().querySelector("#img2img_generate_box").classList.add("generating");
    say("");
    bringIntoView(gallery);
    try {
        for (;;) {
            const state = await post("/internal/progress", { id_task: task });
            if (state.completed) {
                break;
            }
            const left = state.eta ? `, ${Math.ceil(state.eta)} s left` : "";
            bar.firstChild.style.width = `${100 * state.progress}%`;
            bar.lastChild.textContent = state.textinfo + left;
            await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        }
    } catch (error) {
        say(`The server does not answer: ${error.message}`, true);
    } finally {
        bar.remove();
        gradioApp().querySelector("#img2img_generate_box").classList.remove("generating");
    }
}

onUiLoaded(async () => {
    opts = await (await fetch("/sdapi/v1/options")).json();
});

onUiLoaded(() => {
    gradioApp().querySelector("#img2img_interrupt").addEventListener("click", () => post("/sdapi/v1/interrupt"));
    gradioApp().querySelector("#img2img_skip").addEventListener("click", () => post("/sdapi/v1/skip"));
});

document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        gradioApp().querySelector("#img2img_generate").click();
        event.preventDefault();
    }
});

/* Small helps of the page. */

/** What `sample_result.png` was made of, besides the two pictures. */
const EXAMPLE = { prompt: "a house, autumn", strength: 1 };

/** Fills in a picture, a prompt and the strength, switches the extension on and uploads a map to its panel. */
async function loadExample() {
    const app = gradioApp();
    await upload("img2img_image", "sample.png"); // waits until gradio answers; it misses what is set before
    if (!app.querySelector("#diffdiff > .label-wrap").classList.contains("open")) {
        app.querySelector("#diffdiff > .label-wrap").click();
    }
    await settled();
    await uploadMap("sample_map.png");
    const prompt = app.querySelector("#img2img_prompt textarea");
    prompt.value = EXAMPLE.prompt;
    updateInput(prompt);
    await settled();
    setNumber("img2img_denoising_strength", EXAMPLE.strength);
    await settled();
}

/** Says under the buttons what a user would not see elsewhere at once. */
function say(text, isError = false) {
    const place = gradioApp().querySelector("#preview_alert [role=alert]");
    place.textContent = text;
    place.classList.toggle("error", isError);
    if (isError) {
        bringIntoView(place);
    }
}

/** Scrolls no further than needed, and not at all where the element is in view. */
function bringIntoView(element) {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    element.scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
}

/** gradio loses one of two changes that come at once. */
function settled() {
    return new Promise((resolve) => setTimeout(resolve, 100));
}

/** Puts one of the preview's pictures into an image component, as if a user had chosen the file. */
async function upload(id, name) {
    const file = await (await fetch(`/preview-assets/${name}`)).blob();
    const component = gradioApp().querySelector(`#${id}`);
    component.querySelector('button[aria-label="Clear"], button[aria-label="Remove Image"]')?.click();
    await settled();
    for (let waits = 0; waits < 100 && !component.querySelector("input[type=file]"); waits++) {
        await settled(); // it comes back at the next update
    }
    const files = new DataTransfer();
    files.items.add(new File([file], name, { type: file.type }));
    const input = component.querySelector("input[type=file]");
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    for (let waits = 0; waits < 100 && !component.querySelector("img"); waits++) {
        await settled();
    }
    await settled();
}

/** Makes one of the preview's pictures the map, as if a user had chosen the file. */
async function uploadMap(name) {
    const file = await (await fetch(`/preview-assets/${name}`)).blob();
    const files = new DataTransfer();
    files.items.add(new File([file], name, { type: file.type }));
    const input = gradioApp().querySelector("#diffdiff_painter input[type=file]");
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    await settled();
}

/* Width and height follow the picture's shape, near the model's own size, until the user chooses others. */

const LARGEST = 2048;

function sizeOnPage() {
    return ["width", "height"].map((side) => Number(gradioApp().querySelector(`#img2img_${side} input[type="number"]`).value));
}

/** @param {HTMLImageElement} picture @param {number} scale from its pixels to the run's */
function setSize(picture, scale) {
    const cells = (side) => Math.min(Math.max(Math.round((side * scale) / 8) * 8, 64), LARGEST);
    setNumber("img2img_width", cells(picture.naturalWidth));
    setNumber("img2img_height", cells(picture.naturalHeight));
}

onUiLoaded(() => {
    const native = sizeOnPage()[0];
    let given = sizeOnPage();
    gradioApp().querySelector("#mode_img2img").addEventListener(
        "load",
        ({ target }) => {
            if (target.tagName === "IMG" && String(sizeOnPage()) === String(given)) {
                setSize(target, Math.min(1, native / Math.sqrt(target.naturalWidth * target.naturalHeight)));
                given = sizeOnPage();
            }
        },
        true,
    );
});

/* An error of a run stands under its button as well. */
onUiLoaded(() => {
    const log = gradioApp().querySelector("#html_log_img2img");
    new MutationObserver(() => {
        const error = log.querySelector(".error");
        if (error) {
            say(error.textContent, true);
        }
    }).observe(log, { childList: true, subtree: true });
});

function setNumber(id, value) {
    const input = gradioApp().querySelector(`#${id} input[type="number"]`);
    input.value = value;
    updateInput(input);
}

onUiLoaded(() => {
    const app = gradioApp();
    app.querySelector("#img2img_suggestions")?.addEventListener("click", (event) => {
        if (event.target.tagName === "BUTTON") {
            const prompt = app.querySelector("#img2img_prompt textarea");
            prompt.value = [prompt.value.trim(), event.target.textContent].filter(Boolean).join(", ");
            updateInput(prompt);
        }
    });
    app.querySelector("#img2img_detect_image_size_btn").addEventListener("click", () => {
        const picture = [...app.querySelectorAll("#mode_img2img img")].find((image) => image.offsetParent && image.naturalWidth);
        if (picture) {
            setSize(picture, Math.min(1, LARGEST / Math.max(picture.naturalWidth, picture.naturalHeight)));
        }
    });
    const fill = async () => {
        await loadExample();
        say(`A picture, a map that changes it more and more from left to right, and the prompt "${EXAMPLE.prompt}". Press Generate.`);
    };
    app.querySelector("#preview_example").addEventListener("click", fill);
    if (document.querySelector("meta[name=preview-example]")) {
        fill().then(() => scrollTo(0, 0)); // gradio scrolls to the thumbnail of the picture that it opens with
    }
    const hints = {
        preview_example: "A picture, a map that changes it more and more from left to right, and a prompt",
        paste: "Read generation parameters from the prompt box into the page",
        img2img_random_seed: "A new seed for every run",
        img2img_detect_image_size_btn: "The picture's own width and height; larger than the model's own size it takes longer",
    };
    for (const [id, hint] of Object.entries(hints)) {
        app.querySelector(`#${id}`).title = hint;
    }
});

/* The infotext below the gallery follows the picture that is selected. */
function showInfotextOfSelected() {
    const index = selected_gallery_index();
    const info = gradioApp().querySelector("#generation_info_img2img textarea")?.value;
    const place = gradioApp().querySelector("#html_info_img2img p");
    if (index < 0 || !info || !place) {
        return;
    }
    const text = JSON.parse(info).infotexts[index];
    if (text !== undefined && place.innerText.trim() !== text.trim()) {
        place.innerText = text;
    }
}

onUiLoaded(() => {
    new MutationObserver(showInfotextOfSelected).observe(gradioApp().querySelector("#img2img_gallery"), {
        attributes: true,
        attributeFilter: ["class"],
        childList: true,
        subtree: true,
    });
});
