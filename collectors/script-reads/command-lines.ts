// Recognizes the commands of a script among what a shell runs after the script's text was substituted into its code.

/** Lines of shell syntax, which all scripts have. */
const syntax =
  /^(?:#|(?:set|shift|exit|return|if|elif|case|for|while|until|local|export|trap)\s|(?:then|else|fi|do|done|esac|[{}()]|;;)(?:\s|$))/;
/** Shorter lines, and those of one word, are too common. */
const minChars = 8;
const maxLines = 1000;

const squeezed = (text: string): string => text.replaceAll(/["']/g, '').replaceAll(/\s+/g, ' ').trim();

/** The lines of a script that identify it: commands of at least two words, without quotes. */
export const commandLines = (script: string): string[] =>
  script
    .split('\n', maxLines)
    .map(squeezed)
    .filter((line) => line.length >= minChars && line.includes(' ') && !syntax.test(line));

/** Whether the code that an interpreter was given has at least half of the lines. */
export function hasLines(code: string, lines: readonly string[]): boolean {
  const text = squeezed(code);
  const found = lines.filter((line) => text.includes(line)).length;
  return found > 0 && found * 2 >= lines.length;
}

/** Whether a program was run by one of the lines. `args`: its arguments, argv[0] included, as the shell expanded them. */
export function isLine(args: readonly string[], lines: readonly string[]): boolean {
  const [program = '', ...rest] = args;
  const command = squeezed([program.slice(program.lastIndexOf('/') + 1), ...rest].join(' '));
  if (command.length < minChars || rest.length === 0) return false;
  return lines.some((line) => {
    const start = line.lastIndexOf('/', line.indexOf(' ')) + 1;
    return line.startsWith(command, start) && /^ ?(?:$|[;|&<>)]|\d>)/.test(line.slice(start + command.length));
  });
}
