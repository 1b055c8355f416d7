// apt's command line (apt-pkg/contrib/cmndline.cc): the options that set its configuration, and the files that it reads.

import type { AptOption } from './apt-configuration.ts';

/** An option of a command line. */
interface GivenOption {
  /** The long name in lower case, as names are compared, or a letter. */
  name: string;
  /** The rest of the word, or the next word. Undefined: it has none; a word that begins with a dash is never a value. */
  value: string | undefined;
}

/**
 * The options in their order. They and operands stand in any order; `--` ends the options. `args`: without argv[0].
 * `valueLetters`: the options of one letter that take a value. Of others only long ones are given.
 */
export function* aptOptions(args: readonly string[], valueLetters: string): Generator<GivenOption> {
  for (const [index, word] of args.entries()) {
    if (word === '--') return;
    if (!word.startsWith('-')) continue;
    const next = args[index + 1]?.startsWith('-') ? undefined : args[index + 1];
    if (word.startsWith('--')) {
      const [, name = '', value = next] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      yield { name: name.toLowerCase(), value };
      continue;
    }
    // Letters can be bundled; that of an option with a value is the last one.
    const at = word.search(new RegExp(`[=${valueLetters}]`));
    if (at < 0 || word[at] === '=') continue;
    const rest = word.slice(at + 1);
    yield { name: word.charAt(at), value: rest === '' ? next : rest.replace(/^=/, '') };
  }
}

/** What the arguments set, in their order. */
export interface AptArguments {
  options: AptOption[];
  /** Values of `-c` and `--config-file`. */
  files: string[];
}

/** Those of every tool. */
const valueLetters = 'oct';

/** `args`: without argv[0]. */
export function aptArguments(args: readonly string[]): AptArguments {
  const found: AptArguments = { options: [], files: [] };
  for (const { name, value = '' } of aptOptions(args, valueLetters)) {
    if (name === 'c' || name === 'config-file') found.files.push(value);
    else if (name === 'solver' || name === 'planner') found.options.push({ name: `APT::${name}`, value });
    else if (name === 'o' || name === 'option') {
      const equals = value.indexOf('=');
      if (equals > 0) found.options.push({ name: value.slice(0, equals), value: value.slice(equals + 1) });
    }
  }
  return found;
}
