/** Input against its schema. Parameters and queries come as text and are converted; bodies must have the right types already. */
import type { TObject, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { HttpProblem, type InputError } from './problems.ts';

export type Where = 'params' | 'query' | 'body';
export type Check = (value: unknown) => unknown;

/** The returned function fills in defaults and answers the value. @throws HttpProblem 400 with `errors`. */
export function inputCheck(where: Where, schema: TSchema): Check {
  const validator = Compile(closed(schema));
  const bounds = boundsOf(schema);
  return (value) => {
    refuseLong(where, bounds, value);
    const filled = validator.Default(where === 'body' ? value : validator.Convert({ ...(value as object) }));
    if (validator.Check(filled)) return filled;
    const errors = inputErrors(where, validator.Errors(filled));
    const [first] = errors;
    throw new HttpProblem('bad-request', first === undefined ? 'Not valid' : `${first.path} ${first.message}`, {
      errors,
    });
  };
}

/** How many items the lists of an object may have. */
function boundsOf(schema: TSchema): readonly (readonly [name: string, most: number])[] {
  const { properties = {} } = schema as Partial<TObject>;
  return Object.entries(properties).flatMap(([name, { maxItems }]: [string, { readonly maxItems?: unknown }]) =>
    typeof maxItems === 'number' ? [[name, maxItems] as const] : [],
  );
}

/** Before anybody looks at the items: millions of wrong ones would be looked at one by one, for a gigabyte of what is wrong with them. */
function refuseLong(where: Where, bounds: ReturnType<typeof boundsOf>, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, most] of bounds) {
    const list = (value as Readonly<Record<string, unknown>>)[name];
    if (!Array.isArray(list) || list.length <= most) continue;
    const [path, message] = [`/${where}/${name}`, `must not have more than ${most} items`];
    throw new HttpProblem('bad-request', `${path} ${message}`, { errors: [{ path, message }] });
  }
}

/** Names that nobody declared are refused, so that a misspelt one is not silently without effect. */
export function closed(schema: TSchema): TSchema {
  const object = schema as Partial<TObject> & { readonly additionalProperties?: unknown };
  if (object.type !== 'object' || object.additionalProperties !== undefined) return schema;
  // What typebox knows of a schema stands in properties that a spread would leave out; without them nothing is converted.
  const known = Object.getOwnPropertyDescriptors(schema);
  return Object.defineProperties({ additionalProperties: false } as TSchema, known);
}

type Fault = ReturnType<ReturnType<typeof Compile>['Errors']>[number];

function inputErrors(where: Where, faults: readonly Fault[]): InputError[] {
  return faults.flatMap((fault) => {
    const path = `/${where}${fault.instancePath}`;
    if (fault.keyword === 'additionalProperties') {
      return fault.params.additionalProperties.map((name) => ({ path: `${path}/${name}`, message: 'is not known' }));
    }
    if (fault.keyword === 'required') {
      return fault.params.requiredProperties.map((name) => ({ path: `${path}/${name}`, message: 'is missing' }));
    }
    // The other half of an unknown name.
    return fault.keyword === 'boolean' ? [] : [{ path, message: said(fault) }];
  });
}

/** What the words of a schema's rule don't tell people. */
function said(fault: Fault): string {
  if (fault.keyword === 'enum') return `must be one of ${fault.params.allowedValues.join(', ')}`;
  if (fault.keyword === 'format' && fault.params.format === 'date-time') {
    return 'must be a time such as 2026-11-23T16:00:00Z';
  }
  return fault.message;
}
