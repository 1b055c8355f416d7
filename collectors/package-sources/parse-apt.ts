// Parses the configuration of apt's package sources: lines and stanzas of sources.list(5).

/** One suite of a repository with packages to install; sources of packages (deb-src) do not count. */
export interface AptSource {
  uri: string;
  suite: string;
  components: readonly string[];
  /** The options that are set to true, by their names in a line: `trusted`. */
  enabled: ReadonlySet<string>;
  /** The keys that may sign it: paths, fingerprints, or the text of a key. */
  signedBy: string;
}

/** A longer line names no repository. */
const maxLineChars = 16 * 1024;

/**
 * A word of a line, in which blanks may stand in brackets and quotes: options, or the name of a disc. Brackets and quotes
 * without an end take the rest of the line, so that the time is linear.
 */
const word = /(?:\[[^\]]*(?:\]|$)|"[^"]*(?:"|$)|[^\s[\]"])+/g;

/** The sources of a file of lines. */
export function* parseAptLines(text: string): Generator<AptSource> {
  for (const line of text.split('\n')) {
    if (line.length > maxLineChars) continue;
    const [type, ...words] = line.replace(/#.*/, '').match(word) ?? [];
    const options = words[0]?.startsWith('[') ? words.shift() : undefined;
    const [uri, suite, ...components] = words;
    if (type !== 'deb' || !uri?.includes(':') || suite === undefined) continue;
    const pairs = (options?.slice(1, -1) ?? '').split(/\s+/).map((pair): [string, string] => {
      const end = pair.search(/[+-]?=/);
      return end < 0 ? [pair, ''] : [pair.slice(0, end).toLowerCase(), pair.slice(pair.indexOf('=') + 1)];
    });
    yield { uri, suite, components, ...optionsOf(new Map(pairs)) };
  }
}

/** The sources of a file of stanzas (deb822). */
export function* parseAptStanzas(text: string): Generator<AptSource> {
  for (const fields of parseStanzas(text)) {
    const words = (key: string): string[] => (fields.get(key) ?? '').split(/\s+/).filter(Boolean);
    if (!words('types').includes('deb') || no.includes(words('enabled')[0]?.toLowerCase() ?? '')) continue;
    const [suites, components, options] = [words('suites'), words('components'), optionsOf(fields)];
    for (const uri of words('uris')) {
      if (uri.includes(':')) for (const suite of suites) yield { uri, suite, components, ...options };
    }
  }
}

/** The fields of each stanza of a file (deb822). */
export function* parseStanzas(text: string): Generator<Map<string, string>> {
  for (const stanza of text.replaceAll(/^[ \t]*#.*\n?/gm, '').split(/\n[ \t\r]*\n/)) yield fieldsOf(stanza);
}

/** The fields of a stanza by their names in lower case, each with the lines that continue it. */
function fieldsOf(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let key = '';
  let lines: string[] = [];
  const end = (): void => {
    if (key !== '' && !fields.has(key)) fields.set(key, lines.join('\n'));
  };
  for (const line of stanza.split('\n')) {
    if (/^[ \t]/.test(line)) {
      lines.push(line);
      continue;
    }
    end();
    const colon = line.indexOf(':');
    key = colon < 0 ? '' : line.slice(0, colon).toLowerCase();
    lines = [line.slice(colon + 1)];
  }
  end();
  return fields;
}

// StringToBool of apt.
const no: readonly string[] = ['no', 'false', 'without', 'off', 'disable', '0'];
const yes: readonly string[] = ['yes', 'true', 'with', 'on', 'enable', '1'];

const optionsOf = (options: ReadonlyMap<string, string>): Pick<AptSource, 'enabled' | 'signedBy'> => ({
  enabled: new Set([...options].flatMap(([name, value]) => (yes.includes(value.trim().toLowerCase()) ? [name] : []))),
  signedBy: options.get('signed-by') ?? '',
});
