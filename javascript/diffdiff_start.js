"use strict";

onUiLoaded(() => {
    const { Painter, HostPage, HostRun, icon, element } = globalThis.diffdiff;
    const container = gradioApp().querySelector("#diffdiff_painter");
    if (!container) return;
    const painter = new Painter(container, new HostPage());
    const button = element("button", "diffdiff-open", { type: "button", title: "Differential Diffusion: paint how much each part may change" }, [icon("brush")]);
    button.setAttribute("aria-label", "Paint strengths");
    button.addEventListener("click", () => painter.openFull());
    new HostRun().addTool(button);
    globalThis.diffdiff.painter = painter;
});
