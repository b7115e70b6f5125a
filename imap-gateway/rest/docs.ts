/** `docs/api.md`, from the OpenAPI document. */
import type { JsonObject } from './openapi.ts';
import { PROBLEM_STATUS, type ProblemCode } from './problems.ts';
import { MEANING } from './routes/documentation.ts';

interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly operationId: string;
  readonly description?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Contents };
  readonly responses: { readonly [status: string]: { readonly description: string; readonly content?: Contents } };
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
}
type Contents = { readonly [type: string]: { readonly schema?: Schema } };
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: { readonly [name: string]: Schema };
  readonly patternProperties?: { readonly [pattern: string]: Schema };
  readonly required?: readonly string[];
  readonly description?: string;
  readonly format?: string;
}

const INTRODUCTION = `# The REST interface

Made from the declarations in \`imap-gateway/rest/\` by \`node imap-gateway/rest/write-docs.ts\`. A running peer serves the same as \`/api/openapi.json\`, and a page to read it by at \`/api/docs\`.

- Over https, or over http from the same host. \`Authorization: Bearer pp_…\` with a token (\`peerpost token add\`), \`Basic\` with address and password or an app password
  of scope \`rest\`, or the cookie of a session with \`X-CSRF-Token\`.
- Times are RFC 3339 in UTC, a moment is a member that ends with \`At\` (\`createdAt\`, \`expiresAt\`); durations are seconds, sizes octets. Ids are the same in every protocol, and those of JMAP.
- Lists are \`{ "items": […], "next": "cursor" }\`: pass \`next\` as \`?cursor=\`; it stays right while mail arrives. \`?limit=\` is 1 to 200.
- Names that are not declared are refused, in queries and bodies.
- \`ETag\` with \`If-None-Match\` (304) and \`If-Match\` (412). Too many requests are answered with 429 and \`Retry-After\`.
- Errors are problems of RFC 9457; \`code\` is one of the table at the end, \`requestId\` stands in the server's log.
`;

export function apiMarkdown(document: JsonObject): string {
  const paths = document.paths as unknown as { [path: string]: { [method: string]: Operation } };
  const tags = (document.tags as unknown as readonly { name: string }[]).map(({ name }) => name);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const sections = tags.flatMap((tag) => [
    `## ${tag}`,
    ...operations
      .filter(({ operation }) => operation.tags.includes(tag))
      .map(({ path, method, operation }) => operationText(method, path, operation)),
  ]);
  const schemas = (document.components as unknown as { schemas: { [name: string]: Schema } }).schemas;
  const types = Object.entries(schemas).map(
    ([name, schema]) => `### ${name}\n\n\`\`\`ts\n${typeText(schema, 0, true)}\n\`\`\``,
  );
  const problems = Object.entries(MEANING).map(
    ([code, text]) => `| \`${code}\` | ${PROBLEM_STATUS[code as ProblemCode]} | ${text} |`,
  );
  return [
    INTRODUCTION,
    ...sections,
    '## Types',
    ...types,
    '## Problems',
    ['| code | status | meaning |', '| --- | --- | --- |', ...problems].join('\n'),
    '',
  ].join('\n\n');
}

function operationText(method: string, path: string, operation: Operation): string {
  const lines = [
    `### \`${method} ${path}\``,
    '',
    `${operation.summary}${/[?.]$/.test(operation.summary) ? '' : '.'} \`${operation.operationId}\``,
  ];
  if (operation.description !== undefined) lines.push('', operation.description);
  if (operation.parameters.length > 0) {
    lines.push('', '| parameter | in | type | |', '| --- | --- | --- | --- |');
    for (const { name, in: where, required, schema, description = '' } of operation.parameters) {
      const type = typeText(schema, 0, false).replaceAll('|', '\\|');
      lines.push(
        `| \`${name}\`${required ? '' : '?'} | ${where} | \`${type}\` | ${description.replaceAll('\n', ' ')} |`,
      );
    }
  }
  const body = operation.requestBody && contentText(operation.requestBody.content);
  if (body !== undefined) lines.push('', `Body: ${body}`);
  const [success] = Object.entries(operation.responses).filter(([status]) => status.startsWith('2'));
  if (success !== undefined) {
    const [status, { content }] = success;
    lines.push('', `Answers ${status}${content === undefined ? ', empty' : `: ${contentText(content)}`}`);
  }
  return lines.join('\n');
}

function contentText(content: Contents): string {
  return Object.entries(content)
    .map(([type, { schema }]) => {
      if (schema === undefined) return `\`${type}\``;
      const text = typeText(schema, 0, true);
      return text.includes('\n') ? `\n\n\`\`\`ts\n${text}\n\`\`\`` : `\`${text}\``;
    })
    .join(' or ');
}

/** A schema as the type that TypeScript would write. */
function typeText(schema: Schema, depth: number, lines: boolean): string {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'unknown';
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => typeText(one, depth, lines)).join(' | ');
  if (schema.allOf !== undefined) return schema.allOf.map((one) => typeText(one, depth, lines)).join(' & ');
  if (schema.type === 'array') return `${bracketed(typeText(schema.items ?? {}, depth, lines))}[]`;
  if (schema.type === 'object') return objectText(schema, depth, lines);
  if (schema.type === 'string' && schema.format === 'date-time') return 'time';
  return schema.type ?? 'unknown';
}

function objectText(schema: Schema, depth: number, lines: boolean): string {
  const required = new Set(schema.required ?? []);
  const entries = Object.entries(schema.properties ?? {});
  const [record] = Object.values(schema.patternProperties ?? {});
  if (entries.length === 0) return record === undefined ? '{}' : `Record<string, ${typeText(record, depth, lines)}>`;
  const fields = entries.map(([name, property]) => {
    const note =
      lines && property.description !== undefined ? `  // ${property.description.replaceAll('\n', ' ')}` : '';
    return `${name}${required.has(name) ? '' : '?'}: ${typeText(property, depth + 1, lines)}${lines ? `;${note}` : ''}`;
  });
  if (!lines) return `{ ${fields.join('; ')} }`;
  const pad = '  '.repeat(depth);
  return `{\n${fields.map((field) => `${pad}  ${field}`).join('\n')}\n${pad}}`;
}

function bracketed(type: string): string {
  return / [|&] /.test(type) ? `(${type})` : type;
}
