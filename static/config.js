// Where the page finds its server: "" is the origin that served the page.
// A front end hosted elsewhere names the server here, for example "https://vigie.example.org", and the server names it
// in cors_origins: see docs/deployment.md.
export default { api: "" };
