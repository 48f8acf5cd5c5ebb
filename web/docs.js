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

document.adoptedStyleSheets.push(narrow);

// fetch() takes no address with a user; the browser sends the user anyway
const api = new URL('openapi.json', location);

api.username = api.password = '';

SwaggerUIBundle({
    url: String(api),
    dom_id: '#docs',
    presets: [SwaggerUIBundle.presets.apis],
    deepLinking: true,
    defaultModelsExpandDepth: 0,

    // by default Swagger UI sends the API to a service on the internet to check it
    validatorUrl: null,
});
