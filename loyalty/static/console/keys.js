// A key presses what names it in `data-key`, unless something is being typed or a shortcut of the browser's is meant.
document.addEventListener("keydown", (event) => {
    const busy = event.target.closest("input, textarea, select, [contenteditable]");
    if (busy || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`)?.click();
});
