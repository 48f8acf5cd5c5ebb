/* Shows openapi.json, which is beside the page, in Swagger UI. */

const dark = matchMedia('(prefers-color-scheme: dark)');

const follow = () =>
    document.documentElement.classList.toggle('dark-mode', dark.matches);

dark.addEventListener('change', follow);
follow();

// Swagger UI is made for wide screens; on narrow ones its columns stand below
// each other
const narrow = new CSSStyleSheet;

narrow.replaceSync(`
@media (max-width: 40rem) {
    body { margin: 0; }
    .swagger-ui .wrapper, .swagger-ui .scheme-container .schemes { padding: 0 .5rem; }
    .swagger-ui .information-container { padding: .5rem; }
    .swagger-ui .info { margin: .5rem 0; }
    .swagger-ui .scheme-container { padding: .5rem 0; }
    .swagger-ui .scheme-container .schemes { flex-wrap: wrap; }
    .swagger-ui .opblock-tag { flex-wrap: wrap; padding: .5rem 0; }
    .swagger-ui .opblock .opblock-summary-method { min-width: 4.5rem; padding: .4rem 0; }
    .swagger-ui .opblock .opblock-section-header { flex-wrap: wrap; padding: .5rem; }
    .swagger-ui .opblock .opblock-section-header > label { flex-wrap: wrap; margin: 0; }
    .swagger-ui .opblock .opblock-section-header .btn { margin: 0; }
    .swagger-ui .opblock-description-wrapper, .swagger-ui .opblock-external-docs-wrapper,
    .swagger-ui .opblock-title_normal, .swagger-ui .table-container,
    .swagger-ui .responses-inner, .swagger-ui .opblock-body .execute-wrapper { padding: .5rem; }
    .swagger-ui .opblock-body .btn-group { padding: .5rem; }
    .swagger-ui .opblock-body table, .swagger-ui .opblock-body tbody,
    .swagger-ui .opblock-body tr, .swagger-ui .opblock-body td {
        display: block; width: auto; min-width: 0; max-width: none;
    }
    .swagger-ui .opblock-body thead { display: none; }
    .swagger-ui .opblock-body td { padding: .25rem 0; }
    .swagger-ui .opblock-body .response-col_links { display: none; }
    .swagger-ui .opblock-body pre, .swagger-ui .opblock-body code,
    .swagger-ui .opblock-body .headerline, .swagger-ui .opblock-body .headers td,
    .swagger-ui .opblock-body .request-url pre { overflow-wrap: anywhere; white-space: pre-wrap; }
    .swagger-ui .opblock-body .headerline { display: block; }
    .swagger-ui .renderedMarkdown { overflow-wrap: anywhere; }
    .swagger-ui input, .swagger-ui select, .swagger-ui textarea {
        min-width: 0 !important; max-width: 100% !important; box-sizing: border-box;
    }
    .swagger-ui .dialog-ux .modal-ux { width: auto; min-width: 0; left: .5rem; right: .5rem; transform: translateY(-50%); }
    .swagger-ui section.models { margin: 1rem 0; }
}
`);

// some colors of Swagger UI are too pale to be read by all
const clear = new CSSStyleSheet;

clear.replaceSync(`
.swagger-ui .info .title small { background: #5a6372; }
.swagger-ui .info .title small.version-stamp { background: #3c6e00; }
.swagger-ui .opblock .opblock-summary-method { color: #000; text-shadow: none; }
.swagger-ui .opblock-head .opblock-summary-method { color: #fff; }
.swagger-ui .btn.execute { background: #0b57c2; border-color: #0b57c2; color: #fff; }
.swagger-ui .download-contents { background: #4d5463; }
html:not(.dark-mode) .swagger-ui .info a, html:not(.dark-mode) .swagger-ui .url { color: #0b57c2; }
html:not(.dark-mode) .swagger-ui .btn.authorize { color: #1c7a37; }
html:not(.dark-mode) .swagger-ui .btn.authorize svg { fill: #1c7a37; }
html:not(.dark-mode) .swagger-ui .btn.cancel { color: #b3211d; }
html:not(.dark-mode) .swagger-ui .parameter__in { color: #5a6372; }
html.dark-mode .swagger-ui .opblock .opblock-section-header .try-out__btn.cancel { color: #ff8a80; }
.dark-mode .swagger-ui .header-col { color: #e6e9ee; }
@media (prefers-reduced-motion: reduce) {
    *, ::before, ::after { animation: none !important; transition: none !important; }
}
`);

document.adoptedStyleSheets.push(narrow, clear);

// fetch() takes no address with a user; the browser sends the user anyway
const api = new URL('openapi.json', location);

api.username = api.password = '';

// the paths of operations are links within buttons, which a screen reader and the
// keyboard cannot tell apart; the button opens the operation and its address
const plain = ({ React }) => ({
    components: { DeepLink: ({ text }) => React.createElement('span', null, text) },
});

// what those who hear the page need to know, and do not get from Swagger UI: an
// attribute, and its value or what makes it of the element
const heard = [
    ['.information-container', 'role', 'region'],
    ['.information-container', 'aria-label', 'About'],
    ['.scheme-container', 'role', 'region'],
    ['.scheme-container', 'aria-label', 'Server and token'],
    ['#servers', 'aria-label', 'Server'],
    ['h3', 'aria-level', 2],
    ['h4', 'aria-level', 3],
    ['h5', 'aria-level', 4],
    ['.parameters select, .parameters textarea', 'aria-label',
        node => node.closest('tr').dataset.paramName],
    ['.body-param__text', 'aria-label', 'Body'],
    ['.examples-select-element', 'aria-label', 'Example'],
    ['.responses-table[role]', 'aria-label', node => node.id.replace(/_+/g, ' ')],
    ['.microlight', 'tabindex', 0],
    ['.modal-ux', 'role', 'dialog'],
    ['.modal-ux', 'aria-modal', true],
    ['.modal-ux', 'aria-label', 'Token'],
    ['.close-modal', 'aria-label', 'Close'],
    ['.auth.authorize', 'aria-label', 'Authorize'],
];

const docs = document.getElementById('docs');

new MutationObserver(() => {
    for (const [selector, name, value] of heard)
        for (const node of docs.querySelectorAll(selector))
            node.setAttribute(name,
                typeof value === 'function' ? value(node) : value);
}).observe(docs, { childList: true, subtree: true });

SwaggerUIBundle({
    url: String(api),
    dom_id: '#docs',
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [plain],
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    syntaxHighlight: { theme: 'obsidian' },

    // by default Swagger UI sends the API to a service on the internet to check it
    validatorUrl: null,
});
