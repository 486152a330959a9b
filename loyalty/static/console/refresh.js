// Asks for this page again every so many seconds, as long as its `data-refresh` says so, and puts what it then says in its place.
const again = async () => {
    const shown = document.querySelector("[data-refresh]");
    if (!shown) return;
    try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (answer.redirected || !answer.ok) return location.reload();
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(shown.id);
        if (!fresh) return location.reload();
        if (fresh.outerHTML !== shown.outerHTML) shown.replaceWith(document.adoptNode(fresh));
    } catch {
        // Away for a moment: the next time will tell.
    }
    document.querySelector("[data-refresh]") && setTimeout(again, wait());
};
const wait = () => 1000 * Number(document.querySelector("[data-refresh]").dataset.refresh);
document.querySelector("[data-refresh]") && setTimeout(again, wait());
