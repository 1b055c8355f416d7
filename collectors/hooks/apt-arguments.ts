// apt's command line (apt-pkg/contrib/cmndline.cc): the options that set its configuration, and the files that it reads.

import type { AptOption } from './apt-configuration.ts';

/** What the arguments set, in their order. */
export interface AptArguments {
  options: AptOption[];
  /** Values of `-c` and `--config-file`. */
  files: string[];
}

/** Options with a value that is no configuration (apt-private/private-cmndline.cc). Of one letter: those of every tool. */
const otherShort = 't';
const otherLong =
  /^(?:target-release|default-release|snapshot|solver|planner|with-source|host-architecture|build-profiles|error-on|comment|format)$/;

/** `args`: without argv[0]. Options and operands stand in any order; `--` ends the options. */
export function aptArguments(args: readonly string[]): AptArguments {
  const found: AptArguments = { options: [], files: [] };
  const set = (name: string, value: string): void => {
    if (name === 'c' || name === 'config-file') found.files.push(value);
    else if (name === 'solver' || name === 'planner') found.options.push({ name: `APT::${name}`, value });
    else if (name === 'o' || name === 'option') {
      const equals = value.indexOf('=');
      if (equals > 0) found.options.push({ name: value.slice(0, equals), value: value.slice(equals + 1) });
    }
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === '--') break;
    if (arg.startsWith('--')) {
      const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
      const plain = name.toLowerCase();
      if (/^(?:option|config-file)$/.test(plain) || otherLong.test(plain)) set(plain, value ?? args[++i] ?? '');
      continue;
    }
    if (!arg.startsWith('-')) continue;
    // Letters can be bundled; that of an option with a value is the last one.
    for (let at = 1; at < arg.length; at++) {
      const letter = arg.charAt(at);
      if (letter === '=') break;
      if (!`oc${otherShort}`.includes(letter)) continue;
      const rest = arg.slice(at + 1).replace(/^=/, '');
      set(letter, at + 1 < arg.length ? rest : (args[++i] ?? ''));
      break;
    }
  }
  return found;
}
