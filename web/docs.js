/* Shows openapi.json, which lies beside the page, in Swagger UI. */

const dark = matchMedia('(prefers-color-scheme: dark)');

const follow = () =>
    document.documentElement.classList.toggle('dark-mode', dark.matches);

dark.addEventListener('change', follow);
follow();

SwaggerUIBundle({
    url: 'openapi.json',
    dom_id: '#docs',
    presets: [SwaggerUIBundle.presets.apis],
    deepLinking: true,
    defaultModelsExpandDepth: 0,

    // the default sends the API to a service on the internet, to be checked
    validatorUrl: null,
});
