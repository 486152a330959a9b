// Once the file that a form asks for is there, the page it leads back to says what became of it. The answer tells by a cookie.
const wants = document.querySelector("form[data-downloaded]");
wants.addEventListener("submit", () => {
    const token = String(Date.now());
    wants.elements.asked_by.value = token;
    const arrives = setInterval(() => {
        if (!document.cookie.split("; ").includes(`downloaded=${token}`)) return;
        clearInterval(arrives);
        location.assign(wants.dataset.downloaded);
    }, 300);
});
