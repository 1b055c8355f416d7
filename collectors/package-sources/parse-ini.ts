// Parses the files in which dnf, yum and zypper have their repositories.

/** Whether an option is switched off. */
export const isNo = (value: string): boolean => /^(?:0|no|false|off)$/i.test(value);

/** Sections with their options. A line that begins with a blank goes on the value before it. */
export function* parseIni(text: string): Generator<[section: string, options: Map<string, string>]> {
  let section: { name: string; options: Map<string, string[]> } | undefined;
  // The parts of the value that a line may go on.
  let value: string[] = [];
  const ended = function* (): ReturnType<typeof parseIni> {
    if (section === undefined) return;
    const options = [...section.options].map(([key, parts]): [string, string] => [key, parts.join(' ').trim()]);
    yield [section.name, new Map(options)];
  };
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || /^[;#]/.test(trimmed)) continue;
    if (line.startsWith('[')) {
      yield* ended();
      section = { name: trimmed.slice(1).split(']', 1)[0] ?? '', options: new Map() };
      value = [];
    } else if (/^\s/.test(line)) {
      value.push(trimmed);
    } else {
      const end = trimmed.search(/[=:]/);
      const key = end < 0 ? '' : trimmed.slice(0, end).trim().toLowerCase();
      value = [trimmed.slice(end + 1).trim()];
      if (key !== '') section?.options.set(key, value);
    }
  }
  yield* ended();
}
