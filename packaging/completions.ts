// Makes the completions for bash, zsh and fish of the command table.

import { type CommandRow, commandTable, type Value } from './command-table.ts';

/** A file of a shell's, by the path that the shell looks for it at. */
export interface CompletionFile {
  shell: 'bash' | 'zsh' | 'fish';
  /** Below /usr/share. Zsh is told of another folder by Debian than by others. */
  paths: readonly string[];
  text: string;
}

type OptionRow = CommandRow['options'][number];

export function completions(): CompletionFile[] {
  const table = commandTable();
  refuseOddWords(table);
  return [
    { shell: 'bash', paths: ['bash-completion/completions/stepparent'], text: bashCompletion(table) },
    {
      shell: 'zsh',
      paths: ['zsh/vendor-completions/_stepparent', 'zsh/site-functions/_stepparent'],
      text: zshCompletion(table),
    },
    { shell: 'fish', paths: ['fish/vendor_completions.d/stepparent.fish'], text: fishCompletion(table) },
  ];
}

/** No option of commander's table. */
const help: OptionRow = {
  flag: '--help',
  short: '-h',
  description: 'show how it is used',
  value: undefined,
  isRequired: false,
  default: undefined,
};

/** `/baseline/list`; empty for the program. */
const keyOf = ({ path }: CommandRow): string => path.map((name) => `/${name}`).join('');

const isGeneral = ({ flag }: OptionRow): boolean => flag !== '--version';

/** The options that go with every command. */
const generalOptions = ([program]: readonly CommandRow[]): OptionRow[] => [
  ...(program?.options ?? []).filter(isGeneral),
  help,
];

/** The others: its own, and those of the command below it that is meant when none is named. */
function ownOptions(row: CommandRow, table: readonly CommandRow[]): OptionRow[] {
  if (row.path.length === 0) return row.options.filter((option) => !isGeneral(option));
  const meant = table.find((each) => keyOf(each) === `${keyOf(row)}/${row.defaultCommand}`);
  return [...row.options, ...(meant?.options ?? [])];
}

const optionsOf = (row: CommandRow, table: readonly CommandRow[]): OptionRow[] => [
  ...ownOptions(row, table),
  ...generalOptions(table),
];

/** The commands below it, with what each does. */
const commandsOf = (row: CommandRow, table: readonly CommandRow[]): readonly (readonly [string, string])[] =>
  row.commands.map((name) => [name, table.find((each) => keyOf(each) === `${keyOf(row)}/${name}`)?.description ?? '']);

/** What a word that names no command of these leads to: the command that is meant then, else one that nobody knows. */
const otherwise = ({ defaultCommand = 'unknown' }: CommandRow): string => defaultCommand;

/** Words are put into scripts as they are, and what follows a flag is looked up by the flag alone. */
function refuseOddWords(table: readonly CommandRow[]): void {
  const values = new Map<string, string>();
  for (const { path, options } of table) {
    for (const { flag, value } of options) {
      for (const word of [...path, flag, ...(value?.choices ?? [])]) {
        if (!/^[\w-]+$/.test(word)) throw new Error(`a word that a shell would not leave alone: ${word}`);
      }
      const taken = JSON.stringify([value?.kind, value?.choices]);
      if ((values.get(flag) ?? taken) !== taken) throw new Error(`${flag} takes different values in two commands`);
      values.set(flag, taken);
    }
  }
}

/** Flags that take a value, each once, by what that is. */
function flagsWithValue(table: readonly CommandRow[]): Map<string, Value> {
  const flags = table.flatMap(({ options }) => options);
  return new Map(flags.flatMap(({ flag, value }) => (value === undefined ? [] : [[flag, value]])));
}

const keysOf = (table: readonly CommandRow[]): string[] => table.map(keyOf).filter((key) => key !== '');

const wantsFiles = ({ arguments: taken }: CommandRow): boolean => taken.some(({ kind }) => kind === 'file');

function bashCompletion(table: readonly CommandRow[]): string {
  const values = [...flagsWithValue(table)];
  const of = (kind: Value['kind']): string =>
    values
      .filter(([, value]) => value.kind === kind && value.choices.length === 0)
      .map(([flag]) => flag)
      .join('|');
  const choices = values.filter(([, value]) => value.choices.length > 0);
  const words = (row: CommandRow): string =>
    optionsOf(row, table)
      .map(({ flag }) => flag)
      .join(' ');
  return `# bash completion for stepparent(8). Made of the command table.

_stepparent() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command= word i words=
  # --flag=value comes as three words.
  [[ $cur == = ]] && cur=
  [[ $prev == = ]] && prev=\${COMP_WORDS[COMP_CWORD - 2]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      ${values.map(([flag]) => flag).join('|')})
        [[ \${COMP_WORDS[i + 1]} == = ]] && ((i++))
        ((i++))
        ;;
      -* | =) ;;
      *)
        case $command/$word in
          ${keysOf(table).join('|')}) command+=/$word ;;
          *)
            case $command in
${table.flatMap((row) => (row.commands.length > 0 ? [`              '${keyOf(row)}') command+=/${otherwise(row)} ;;`] : [])).join('\n')}
            esac
            ;;
        esac
        ;;
    esac
  done

  COMPREPLY=()
  case $prev in
${choices.map(([flag, value]) => `    ${flag}) words='${value.choices.join(' ')}' ;;`).join('\n')}
    ${of('file')})
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    ${of('folder')})
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
    ${of('other')}) return ;;
    *)
      if [[ $cur == -* ]]; then
        case $command in
${table.map((row) => `          '${keyOf(row)}') words='${words(row)}' ;;`).join('\n')}
        esac
      else
        case $command in
${table
  .filter(({ commands }) => commands.length > 0)
  .map((row) => `          '${keyOf(row)}') words='${row.commands.join(' ')}' ;;`)
  .join('\n')}
          ${table.filter(wantsFiles).map(keyOf).join('|')})
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
            ;;
        esac
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _stepparent stepparent
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function zshCompletion(table: readonly CommandRow[]): string {
  const name = (row: CommandRow): string => ['_stepparent', ...row.path].join('_');
  return `#compdef stepparent
# zsh completion for stepparent(8). Made of the command table.

${table.map((row) => zshFunction(name(row), row, table)).join('\n')}
if [[ $funcstack[1] == _stepparent ]]; then
  _stepparent "$@"
else
  compdef _stepparent stepparent
fi
`;
}

function zshFunction(name: string, row: CommandRow, table: readonly CommandRow[]): string {
  const specs = optionsOf(row, table).map(zshOption);
  if (row.commands.length === 0) {
    const taken = row.arguments.map(({ name: what, isVariadic, ...value }) => {
      const place = isVariadic ? '*' : '';
      return quoted(`${place}:${zshText(what)}:${zshAction(value)}`);
    });
    return `${name}() {\n  _arguments ${[...specs, ...taken].join(' \\\n    ')}\n}\n`;
  }
  const commands = commandsOf(row, table).map(
    ([each, described]) => `    ${quoted(`${each}:${described.replaceAll(/[\\:]/g, '\\$&')}`)}`,
  );
  const meant =
    row.defaultCommand === undefined
      ? ''
      : `      if ((! $+functions[${name}_$words[1]])); then
        words=(${row.defaultCommand} "\${words[@]}")
        ((CURRENT++))
      fi
`;
  return `${name}() {
  local curcontext="$curcontext" state line ret=1
  local -a commands=(
${commands.join('\n')}
  )
  _arguments -C ${[...specs, "'1: :->command'", "'*:: :->argument'"].join(' \\\n    ')} && ret=0
  case $state in
    command) _describe -t commands command commands && ret=0 ;;
    argument)
${meant}      curcontext="\${curcontext%:*}-$words[1]:"
      _call_function ret ${name}_$words[1]
      ;;
  esac
  return ret
}
`;
}

function zshOption({ flag, short, description, value }: OptionRow): string {
  const about = `[${zshText(description)}]`;
  if (value !== undefined) {
    const spec = `${flag}=${about}:${zshText(value.name)}:${zshAction(value)}`;
    return quoted(value.isVariadic ? `*${spec}` : spec);
  }
  return short === undefined
    ? quoted(`${flag}${about}`)
    : `${quoted(`(${short} ${flag})`)}{${short},${flag}}${quoted(about)}`;
}

/** Inside a spec of \`_arguments\`. */
const zshText = (text: string): string => text.replaceAll(/[\\:[\]]/g, '\\$&');

function zshAction({ kind, choices }: Pick<Value, 'kind' | 'choices'>): string {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  return { file: '_files', folder: '_files -/', other: ' ' }[kind];
}

const fishQuoted = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;

function fishCompletion(table: readonly CommandRow[]): string {
  const at = (row: CommandRow): string => `-n ${fishQuoted(`test (__stepparent_command) = '${keyOf(row)}'`)}`;
  const lines = table.flatMap((row) => [
    ...commandsOf(row, table).map(([each, described]) => `${at(row)} -a ${each} -d ${fishQuoted(described)}`),
    ...(wantsFiles(row) ? [`${at(row)} -F`] : []),
    ...ownOptions(row, table).map((option) => `${at(row)} ${fishOption(option)}`),
  ]);
  return `# fish completion for stepparent(8). Made of the command table.

# The command that the line has so far: /baseline/list
function __stepparent_command
    set -l command ''
    set -l isValue 0
    for word in (commandline -opc)[2..]
        if test $isValue = 1
            set isValue 0
            continue
        end
        switch $word
            case ${[...flagsWithValue(table).keys()].join(' ')}
                set isValue 1
            case '-*'
            case '*'
                if contains -- $command/$word ${keysOf(table).join(' ')}
                    set command $command/$word
                else
                    switch $command
${table.flatMap((row) => (row.commands.length > 0 ? [`                        case '${keyOf(row)}'\n                            set command $command/${otherwise(row)}`] : [])).join('\n')}
                    end
                end
        end
    end
    echo $command
end

complete -c stepparent -f
${[...generalOptions(table).map(fishOption), ...lines].map((line) => `complete -c stepparent ${line}`).join('\n')}
`;
}

function fishOption({ flag, short, description, value }: OptionRow): string {
  const names = [...(short === undefined ? [] : [`-s ${short.slice(1)}`]), `-l ${flag.slice(2)}`].join(' ');
  return `${names}${value === undefined ? '' : ` ${fishValue(value)}`} -d ${fishQuoted(description)}`;
}

function fishValue({ kind, choices }: Value): string {
  if (choices.length > 0) return `-x -a '${choices.join(' ')}'`;
  return { file: '-r -F', folder: "-x -a '(__fish_complete_directories)'", other: '-x' }[kind];
}
