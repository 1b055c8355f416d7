// Parses the `format` file of a trace event: the number of the event, and the position of each field.

/** The position of one field in the records of an event. */
export interface EventField {
  /** Bytes from the start of the record. */
  offset: number;
  /** Size in bytes. */
  size: number;
}

/** The layout of the records of one trace event on this kernel, with the fields by name. */
export interface EventFormat {
  name: string;
  /** Number of the event, which is the first u16 of each record. */
  id: number;
  fields: ReadonlyMap<string, EventField>;
}

/** Parses a `format` file, or `events/header_page`, which has only fields (name '' and id -1). */
export function parseEventFormat(text: string): EventFormat {
  const fields = new Map<string, EventField>();
  for (const [, declaration = '', offset, size] of text.matchAll(
    /^\s*field:\s*([^;]+);\s*offset:(\d+);\s*size:(\d+);/gm,
  )) {
    const name = /(\w+)\s*(?:\[[^\]]*\])?$/.exec(declaration.trim())?.[1];
    if (name === undefined) continue;
    fields.set(name, { offset: Number(offset), size: Number(size) });
  }
  return {
    name: /^name:\s*(\S+)/m.exec(text)?.[1] ?? '',
    id: Number(/^ID:\s*(\d+)/m.exec(text)?.[1] ?? -1),
    fields,
  };
}

/** Finds a field. Throws if the kernel's event has no such field. */
export function fieldOf(format: EventFormat, name: string): EventField {
  const field = format.fields.get(name);
  if (field === undefined) throw new Error(`trace event ${format.name} has no field ${name} on this kernel`);
  return field;
}
