// Formats an exception as text for a terminal, and as TOML for a configuration file.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { Condition, Exception, Operator } from '../../detectors/exceptions.ts';
import { localTime } from '../output/local-time.ts';
import { tomlValue } from './toml-value.ts';

const wordChars = 300;

const words: Readonly<Record<Operator, readonly [one: string, several: string]>> = {
  is: ['is', 'is one of'],
  is_not: ['is not', 'is none of'],
  matches: ['matches', 'matches one of'],
  does_not_match: ['does not match', 'matches none of'],
  exists: ['exists', 'exists'],
  does_not_exist: ['does not exist', 'does not exist'],
};

/** One condition on one line, escaped: `process.parent.executable is "/opt/x"`. */
export function conditionText({ field, operator, values }: Condition): string {
  const [one, several] = words[operator];
  const shown = values.map((value) => `"${escapeText(value, wordChars)}"`).join(', ');
  return `${escapeText(field, wordChars)} ${values.length > 1 ? several : one} ${shown}`.trimEnd();
}

/** The expiry in local time, or "never". */
export const expiryText = ({ expiresMs }: Pick<Exception, 'expiresMs'>): string =>
  expiresMs === undefined ? 'never' : localTime(expiresMs);

/** The text of a configuration file with one exception. `expires` is a TOML date or time, or "never". */
export function exceptionToml(
  { rules, when, reason, owner }: Pick<Exception, 'rules' | 'when' | 'reason' | 'owner'>,
  { expires, comment }: { expires: string; comment: string },
): string {
  const [rule = ''] = rules;
  return [
    `# ${comment}`,
    '',
    '[[exceptions]]',
    `rule = ${tomlValue(rules.length === 1 ? rule : rules)}`,
    `reason = ${tomlValue(reason)}`,
    `owner = ${tomlValue(owner)}`,
    `expires = ${expires === 'never' ? '"never"' : expires}`,
    ...when.flatMap(({ field, operator, values }) => [
      '',
      '[[exceptions.when]]',
      `field = ${tomlValue(field)}`,
      `operator = ${tomlValue(operator)}`,
      ...(values.length === 0 ? [] : [`values = ${tomlValue(values)}`]),
    ]),
    '',
  ].join('\n');
}
