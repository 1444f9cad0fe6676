// JSON Schema in a few words, for people.
/** @typedef {{ $ref?: string, type?: string | string[], format?: string, enum?: unknown[], const?: unknown, anyOf?: Schema[], allOf?: Schema[], items?: Schema, properties?: Record<string, Schema>, required?: string[], description?: string, default?: unknown, minimum?: number, maximum?: number }} Schema */

/** @param {Schema | undefined} schema @returns {string} */
export function nameOf(schema) {
  return schema?.$ref?.split("/").at(-1) ?? (schema?.anyOf ?? []).map((one) => nameOf(one)).filter(Boolean).join(" | ");
}

/** @param {Schema} schema @returns {string} */
export function typeOf(schema) {
  if (schema.$ref) return nameOf(schema);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  const choices = schema.anyOf ?? schema.allOf;
  if (choices) return choices.map(typeOf).join(" | ");
  if (schema.type === "array") return schema.items ? `${typeOf(schema.items)}[]` : "array";
  const type = [schema.type ?? "any"].flat().join(" | ");
  const bounds = schema.minimum !== undefined && schema.maximum !== undefined ? ` ${schema.minimum}…${schema.maximum}` : "";
  const usual = schema.default !== undefined && schema.default !== null ? ` = ${JSON.stringify(schema.default)}` : "";
  return `${schema.format ?? type}${bounds}${usual}`;
}

/**
 * The fields of an object, or of an object that is referred to.
 * @param {Schema | undefined} schema
 * @param {Record<string, Schema>} all
 * @returns {[string, Schema, boolean][]}
 */
export function fieldsOf(schema, all) {
  if (!schema) return [];
  if (schema.$ref) return fieldsOf(all[nameOf(schema)], all);
  if (schema.anyOf) return schema.anyOf.flatMap((one) => fieldsOf(one, all));
  return Object.entries(schema.properties ?? {}).map(([name, field]) => [name, field, schema.required?.includes(name) ?? false]);
}
