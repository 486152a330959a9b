// Shows how a text reads while it is typed: asks the page itself, a moment after the last key.
const texts = document.querySelector("form[data-preview]");
let typed;
const show = async () => {
    const body = new FormData(texts);
    body.append("live", "1");
    const answer = await fetch(location.href, { method: "POST", body });
    if (!answer.ok || answer.redirected) return;
    for (const [language, html] of Object.entries(await answer.json())) document.getElementById(`preview-${language}`).innerHTML = html;
};
texts.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(show, 300);
});
