// The page's own words; what the document says is in English.
const WORDS = {
  en: {
    title: "The API of Vigie", back: "Vigie", file: "openapi.json", find: "Find a route", none: "No route has these words.",
    login: "Log in first: this page shows the API to those who are known.", go: "Log in",
    away: "The server does not answer.", again: "Try again", asking: "Asking the server…",
    takes: "Parameters", body: "Body", answers: "Answers", refusals: "Problems", examples: "Examples", or: "or",
    fields: "Fields", needed: "required", copy: "Copy", copied: "Copied", groups: "Groups",
    in: { path: "in the path", query: "in the query", header: "a header" },
  },
  fr: {
    title: "L’API de Vigie", back: "Vigie", file: "openapi.json", find: "Chercher une route", none: "Aucune route n’a ces mots.",
    login: "Connectez-vous d’abord : cette page montre l’API à qui est connu.", go: "Se connecter",
    away: "Le serveur ne répond pas.", again: "Réessayer", asking: "Le serveur est interrogé…",
    takes: "Paramètres", body: "Corps", answers: "Réponses", refusals: "Problèmes", examples: "Exemples", or: "ou",
    fields: "Champs", needed: "obligatoire", copy: "Copier", copied: "Copié", groups: "Groupes",
    in: { path: "dans le chemin", query: "dans la requête", header: "en-tête" },
  },
};

export const words = document.documentElement.lang === "fr" ? WORDS.fr : WORDS.en;
