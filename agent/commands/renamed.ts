// Names of commands and states before 0.1.0. An old name is an error that gives the new one.

const renamedCommands: Readonly<Record<string, string>> = {
  'baseline trust': 'baseline allow',
  'baseline forget': 'baseline remove',
  except: 'exception',
};

/** States of alerts. */
export const renamedStates: Readonly<Record<string, string>> = {
  capped: 'rate_limited',
  excepted: 'suppressed',
};

/** The hint if these words name a command by its old name, such as "`except` is now `exception`"; else undefined. */
export function renamedCommandHint(words: readonly string[]): string | undefined {
  const typed = ` ${words.join(' ')} `;
  const renamed = Object.entries(renamedCommands).find(([old]) => typed.includes(` ${old} `));
  return renamed && `\`${renamed[0]}\` is now \`${renamed[1]}\``;
}
