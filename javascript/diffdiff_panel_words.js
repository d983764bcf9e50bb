"use strict";

{
    /** What the panel calls its choices. Their values are the API's, and what the WebUI keeps as defaults. */
    const WORDS = {
        map: "Change map",
        mask: "Inpaint mask",
        fan: "Strength fan",
        auto: "Automatic",
        "white changes": "White changes",
        "white keeps": "White keeps",
        both: "Both ways",
        outwards: "Outwards",
        inwards: "Inwards",
        columns: "Columns",
        rows: "Rows",
    };

    onUiLoaded(() => {
        for (const input of gradioApp().querySelectorAll("#diffdiff input[type=radio]")) {
            const text = input.parentElement.querySelector("span");
            if (text && WORDS[input.value]) text.textContent = WORDS[input.value];
        }
    });
}
