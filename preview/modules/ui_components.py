"""Components of the page that gradio itself does not have."""

from __future__ import annotations

import functools
from typing import Any

import gradio as gr

from modules.gradio_compat import JS


class InputAccordion(gr.Checkbox):
    """An accordion with a checkbox in its title, whose value is that of the component.

    The component is a hidden checkbox; accordion.js keeps it, the box in the title and the accordion's state together.
    """

    _count = 0

    @functools.wraps(gr.Checkbox.__init__)  # gradio 4 tells the page only what this signature names
    def __init__(self, value: bool = False, **kwargs: Any) -> None:
        if gr.context.Context.root_block is None:  # gradio 4 builds a component anew to take over an update of it
            super().__init__(value, **kwargs)
            return
        self.accordion_id = kwargs.get("elem_id") or f"input-accordion-{InputAccordion._count}"
        InputAccordion._count += 1
        super().__init__(value, **{**kwargs, "elem_id": f"{self.accordion_id}-checkbox", "visible": False})
        follow = f"(checked) => inputAccordionChecked('{self.accordion_id}', checked)"
        self.change(None, inputs=[self], show_progress="hidden", **{JS: follow})
        self.accordion = gr.Accordion(
            kwargs.get("label", "Accordion"), open=value, elem_id=self.accordion_id, elem_classes=["input-accordion"]
        )

    def extra(self) -> gr.Column:
        """A place in the title."""
        return gr.Column(elem_id=f"{self.accordion_id}-extra", elem_classes=["input-accordion-extra"], min_width=0)

    def __enter__(self) -> InputAccordion:
        self.accordion.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.accordion.__exit__(*exception)

    def get_block_name(self) -> str:
        return "checkbox"
