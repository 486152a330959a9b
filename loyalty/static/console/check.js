// Says what a file would do as soon as it is chosen, by asking the page itself. The file stays chosen, to be sent once more in earnest.
const asks = document.querySelector("form[data-check]");
asks.addEventListener("change", async () => {
    const answer = await fetch(location.href, { method: "POST", body: new FormData(asks) });
    if (!answer.ok || answer.redirected) return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const told = document.getElementById(asks.dataset.check);
    told.replaceWith(document.adoptNode(page.getElementById(told.id)));
});
