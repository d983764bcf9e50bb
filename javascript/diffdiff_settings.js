"use strict";

{
    const KEY = "diffdiff.painter";

    /** Every remembered setting: its first value, null where the picture tells, and which values are allowed. */
    const SETTINGS = {
        strength: { first: 1, allows: (value) => isShare(value) && value > 0 }, // a brush of 0 would seem dead
        end: { first: 0, allows: isShare },
        size: { first: null, allows: (value) => Number.isInteger(value) && value >= 1 && value <= 16384 },
        hardness: { first: 0.5, allows: isShare },
        opacity: { first: 1, allows: isShare },
        pen: { first: "opacity", allows: (value) => ["none", "size", "opacity"].includes(value) },
        fillBy: { first: "picture", allows: (value) => ["picture", "map"].includes(value) },
        tolerance: { first: 0.1, allows: isShare },
        overlay: { first: 0.6, allows: isShare },
        palette: { first: "heat", allows: (value) => ["heat", "grey", "contours"].includes(value) },
    };

    function isShare(value) {
        return typeof value === "number" && value >= 0 && value <= 1;
    }

    /** @returns {Object} the settings that this browser remembers, with first values for the rest */
    function loadSettings() {
        const stored = readStored();
        const entries = Object.entries(SETTINGS).map(([name, { first, allows }]) => [name, allows(stored[name]) ? stored[name] : first]);
        return Object.fromEntries(entries);
    }

    function readStored() {
        try {
            const stored = JSON.parse(localStorage.getItem(KEY));
            return typeof stored === "object" && stored !== null ? stored : {};
        } catch {
            return {}; // storage is blocked, or something else wrote there: start as new
        }
    }

    /** @param {Object} settings */
    function saveSettings(settings) {
        try {
            localStorage.setItem(KEY, JSON.stringify(settings));
        } catch {
            // storage is full or blocked: the settings last as long as the page
        }
    }

    globalThis.diffdiff = Object.assign(globalThis.diffdiff ?? {}, { loadSettings, saveSettings });
}
