// Finds persistence indicators in a script's text, line by line: names with ATT&CK techniques. Hostile text cannot make the search slow.

/** One kind of indicator. A line has it if every pattern of `all` matches and `unless` does not. */
interface Sign {
  id: string;
  /** ATT&CK id. */
  technique: string;
  all: readonly RegExp[];
  unless?: RegExp;
  /** Commands that only read or remove a path do not count as a match. */
  acting?: true;
}

/** A line of a script that may establish persistence: the kind of indicator, and its ATT&CK technique by id. */
export interface ScriptIndicator {
  id: string;
  technique: string;
  /** From 1. */
  line: number;
  /** The line as it is in the script, without blanks around it, cut at 160 UTF-16 units. */
  text: string;
}

/**
 * The part of a line that is searched. All repetitions in the patterns are bounded, so each line takes a bounded time.
 */
const maxLineChars = 4096;
const maxTextChars = 160;
const maxFindings = 20;
/** Maximum number of findings of one kind; the first lines are reported. */
const maxOfOneKind = 3;

const interpreter = String.raw`(?:/\S{0,60}/)?(?:(?:ba|da|z|k|a)?sh|python[\d.]{0,5}|perl|ruby|node|php)\b`;
/** Excludes an interpreter that has its code on the command line: its standard input is data, not code. */
const ownCode = String.raw`(?!\s{1,8}-\w{0,4}c\b)(?<!(?:python[\d.]{0,5}|perl|ruby|node|php)(?=\s{1,8}-\w{0,4}[em]))`;
const pipedToInterpreter = new RegExp(
  String.raw`\|\s{0,8}(?:sudo\s{1,8}|env\s{1,8}|exec\s{1,8})?${interpreter}${ownCode}`,
);
/**
 * A command's name where a command can begin: at the start of the line, after a blank or an operator, or after a path.
 */
const command = (names: string, after = String.raw`(?=\s|$|;)`): RegExp =>
  new RegExp(String.raw`(?:^|[\s;&|(){}\x60"'/])(?:${names})${after}`);
/** Programs that edit files in place. */
const inPlace = String.raw`\b(?:sed|perl)(?=\s(?:[^;&|]{0,80}\s)?-(?:[A-Za-z]{0,4}i|-in-place))`;
/** The command install, unless it creates directories. */
const install = String.raw`install(?!\s(?:[^;&|]{0,80}\s)?-(?:[A-Za-z]{0,3}d|-directory))`;
/** A write to a path: a redirection, a program with the path as its output option, or a program that writes to its last argument. */
const writesTo = (pathPattern: RegExp): readonly RegExp[] => [
  pathPattern,
  new RegExp(
    [
      redirection('>{1,2}', pathPattern),
      String.raw`\b(?:tee|dd|curl|wget)\b[^;&|]{0,400}?(?:${pathPattern.source})`,
      // The file is named after the editing commands, which may contain any character.
      `${inPlace}.{0,400}?(?:${pathPattern.source})`,
      String.raw`\bgpg2?\b[^;&|]{0,400}?\s(?:-o|--output)[\s=]{0,8}["']?[^\s;&|]{0,200}?(?:${pathPattern.source})`,
      String.raw`\b(?:cp|mv|ln|${install}|rsync)\b[^;&|]{0,400}?(?:${pathPattern.source})[^\s;&|]{0,200}\s{0,8}(?:$|[;&|<>()#]|\d>)`,
      String.raw`\b(?:cp|mv|ln|${install})\s(?:[^;&|]{0,80}\s)?(?:-\w{0,4}t|--target-directory)[\s=]{0,8}["']?[^\s;&|]{0,200}?(?:${pathPattern.source})`,
    ].join('|'),
  ),
];
/** Files in the directory whose names end so, or the directory itself as a target. */
const filesIn = (directory: RegExp, end: RegExp): RegExp =>
  new RegExp(String.raw`${directory.source}(?:/[^\s"']{0,120}${end.source}|/?(?=["']?(?:[\s;&|)]|$)))`);
const redirection = (sign: string, target: RegExp): string =>
  String.raw`(?<!>)${sign}(?!>)\|?\s{0,8}["']?[^\s;&|<>]{0,200}?(?:${target.source})`;
/** A check whether a program exists. */
const existenceCheck = /\b(?:command\s{1,8}-[vV]|which|type|hash|whereis)\s/;
/**
 * Tests, removals and comparisons, which do not write the file that they name. The target of a redirection is not part
 * of the match.
 */
const readOnlyCommand =
  /(^|[;&|{(]|\b(?:then|do|else|if|elif|while)\b)\s{0,200}(?:!\s{0,8})?(?:\[|test\s|rm\s|rmdir\s|grep\s|dpkg-|ucf|rm_conffile|mv_conffile|cmp\s|stat\s|readlink\s)[^;&|>]{0,4096}/g;
/** A line that only prints text, without a redirection, pipe or substitution. */
const printOnlyLine = /^\s{0,200}(?:echo|printf)\s(?:[^;&|<>\x60$]|\$(?!\()){0,4096}$/;

const logs = /\/var\/log\/(?:auth\.log|secure|syslog|messages|wtmp|btmp|lastlog|audit|dpkg\.log|journal|apt\/)/;

const options = String.raw`(?:-\S{1,40}\s{1,8}){0,6}`;

/** In the order in which the indicators of one line are reported. */
const signs: readonly Sign[] = [
  {
    id: 'detached-process',
    technique: 'T1564.011',
    all: [command('setsid|nohup|disown|daemonize')],
    unless: existenceCheck,
  },
  {
    id: 'detached-process',
    technique: 'T1564.011',
    // The command runs in the background and its output is discarded.
    all: [/>\s{0,8}\/dev\/null/, /(?:^|[^&>|<])&\s{0,40}\)?\s{0,40}(?:$|;|#|exit\b|disown\b)/],
  },
  { id: 'network-device', technique: 'T1059.004', all: [/\/dev\/(?:tcp|udp)\//] },
  {
    id: 'network-shell',
    technique: 'T1059.004',
    all: [command('nc|ncat|netcat|socat'), /\s-\w{0,8}[ec]\b|exec:|(?<!\|)\|(?!\|)/i],
    unless: existenceCheck,
  },
  { id: 'download-into-interpreter', technique: 'T1105', all: [command('curl|wget|fetch'), pipedToInterpreter] },
  {
    id: 'download-into-interpreter',
    technique: 'T1105',
    all: [
      new RegExp(
        String.raw`(?:${interpreter}\s{1,8}-c|eval|source|\.)\s{1,8}["']?(?:\$\(|\x60|<\()\s{0,8}(?:curl|wget)\b`,
      ),
    ],
  },
  {
    id: 'decoded-into-interpreter',
    technique: 'T1027',
    all: [
      /\b(?:base64\s{1,8}(?:-d|-D|--decode|-\w{0,4}d)|base32\s{1,8}-d|xxd\s{1,8}-\w{0,4}r|openssl\s{1,8}\w{1,10}\s.{0,40}-d)\b/,
      pipedToInterpreter,
    ],
  },
  {
    id: 'decoded-into-interpreter',
    technique: 'T1027',
    all: [/\beval\b/, /\bbase64\s{1,8}-{1,2}d/],
  },
  {
    id: 'systemd-unit',
    technique: 'T1543.002',
    all: writesTo(filesIn(/\/systemd\/(?:system|user)/, /\.(?:service|timer|path|socket)\b/)),
    acting: true,
  },
  { id: 'systemd-unit', technique: 'T1543.002', all: [command('systemd-run')] },
  {
    id: 'cron-entry',
    technique: 'T1053.003',
    all: writesTo(/\/etc\/cron(?:tab\b|\.(?:d|hourly|daily|weekly|monthly)\b)|\/spool\/cron\//),
    acting: true,
  },
  {
    id: 'cron-entry',
    technique: 'T1053.003',
    all: [command('crontab', String.raw`\s{1,8}(?:-(?!l\b|r\b)|/|<)`)],
    unless: /\bcrontab\s[^|;]{0,80}-[lr]\b(?!.{0,400}\|\s{0,8}crontab)/,
  },
  {
    id: 'at-job',
    technique: 'T1053.002',
    all: [
      /(?:^|[;&|(]\s{0,8})(?:\/usr\/bin\/)?(?:at|batch)\s{1,8}(?:-[fmM]\b|now\b|\d{1,2}:?\d{0,2}\b|midnight\b|noon\b|teatime\b)/,
    ],
  },
  { id: 'authorized-keys', technique: 'T1098.004', all: [/\bauthorized_keys/], acting: true },
  { id: 'ld-preload', technique: 'T1574.006', all: [/\/ld\.so\.preload\b/], acting: true },
  {
    id: 'ld-preload',
    technique: 'T1574.006',
    all: [/\bLD_PRELOAD=|\bLD_AUDIT=/],
    unless: /LD_PRELOAD=(?:["']{2})?(?:\s|;|$)/,
  },
  {
    id: 'setuid',
    technique: 'T1548.001',
    all: [
      command(
        'chmod',
        String.raw`\s{1,8}(?:-\S{1,20}\s{1,8})?(?:0?[4-7][0-7]{3}\b|(?:[go]{0,2}[ua][ugoa]{0,3})?\+[rwxt]{0,4}s)`,
      ),
    ],
  },
  { id: 'setuid', technique: 'T1548.001', all: [command('install', String.raw`\s.{0,120}-m\s{0,4}0?[4-7][0-7]{3}\b`)] },
  {
    id: 'setcap',
    technique: 'T1548.001',
    all: [command('setcap', String.raw`\s`)],
    unless: /\b(?:command\s{1,8}-v|which|type)\s{1,8}setcap\b|\bsetcap\s{1,8}["']?-r\b/,
  },
  {
    id: 'root-user',
    technique: 'T1136.001',
    all: [command('useradd|adduser|usermod'), /\s(?:-\w{0,4}u|--uid)[ =]{0,4}0\b/],
  },
  {
    id: 'admin-group',
    technique: 'T1098.007',
    all: [
      command('useradd|adduser|usermod|gpasswd'),
      /(?:^|[\s,=])(?:sudo|wheel|admin|root|docker|lxd|shadow|disk)(?:$|[\s,"'])/,
      /\s-\w{0,4}[aG]\w{0,4}\b|--groups|\badduser\s{1,8}\S{1,64}\s{1,8}\w{1,32}\s{0,8}(?:$|[;&|>])/,
    ],
  },
  { id: 'root-user', technique: 'T1136.001', all: [...writesTo(/\/etc\/passwd\b/), /:0:/], acting: true },
  {
    id: 'account-file',
    technique: 'T1136.001',
    all: writesTo(/\/etc\/(?:passwd|shadow|group|gshadow)\b/),
    unless: /:0:.{0,400}\/etc\/passwd/,
    acting: true,
  },
  {
    id: 'sudoers',
    technique: 'T1548.003',
    all: [/\/etc\/sudoers\b|\bNOPASSWD\b/],
    unless: /\bvisudo\s{1,8}(?:-\w{0,4}c|--check)/,
    acting: true,
  },
  { id: 'pam', technique: 'T1556.003', all: writesTo(/\/etc\/pam\.d\b|\bpam_\w{1,40}\.so\b/), acting: true },
  {
    id: 'shell-startup',
    technique: 'T1546.004',
    all: writesTo(
      /\/etc\/(?:profile|bash\.bashrc|bashrc|zsh)\b|\/etc\/profile\.d\/|\/\.(?:bashrc|bash_profile|bash_login|profile|zshrc|zshenv|bash_logout)\b/,
    ),
    acting: true,
  },
  { id: 'rc-script', technique: 'T1037.004', all: writesTo(/\/etc\/(?:rc\.d\/)?rc\.local\b/), acting: true },
  {
    id: 'udev-rule',
    technique: 'T1546.017',
    all: writesTo(filesIn(/\/udev\/rules\.d/, /\.rules\b/)),
    acting: true,
  },
  {
    id: 'autostart',
    technique: 'T1547.013',
    all: writesTo(filesIn(/\/autostart/, /\.desktop\b/)),
    acting: true,
  },
  { id: 'kernel-module', technique: 'T1547.006', all: [command('insmod|kmod'), /insmod|kmod\s{1,8}(?:load|insert)/] },
  {
    id: 'kernel-module',
    technique: 'T1547.006',
    all: [command('modprobe'), /^(?!.{0,200}\s(?:-r|--remove|-n|-c|--show)).*/],
  },
  {
    id: 'kernel-module',
    technique: 'T1547.006',
    all: writesTo(/\/etc\/modules(?:-load\.d\b|\b(?!-))/),
    acting: true,
  },
  {
    id: 'history-wiping',
    technique: 'T1070.003',
    all: [/\bhistory\s{1,8}-[cw]\b|\bunset\s{1,8}HISTFILE\b|\bHISTFILE=\/dev\/null|\bHISTSIZE=0\b|\.bash_history\b/],
  },
  {
    id: 'log-wiping',
    technique: 'T1070.002',
    all: [
      new RegExp(
        String.raw`${redirection('>', logs)}|\b(?:rm|shred|truncate|unlink|dd)\b[^;&|]{0,400}?(?:${logs.source})|${inPlace}.{0,400}?(?:${logs.source})|\bjournalctl\s.{0,80}--vacuum`,
      ),
    ],
    unless: /^\s{0,200}rmdir\s/,
  },
  {
    id: 'package-database',
    technique: 'T1546.016',
    all: writesTo(
      /\/var\/lib\/dpkg\/(?:info|status|diversions|statoverride)\b|\/(?:var\/lib|usr\/lib\/sysimage)\/rpm\//,
    ),
    acting: true,
  },
  {
    // The sources of packages, and the keys that verify them.
    id: 'package-source',
    technique: 'T1195.002',
    all: writesTo(
      /\/etc\/(?:apt\/(?:sources\.list|trusted\.gpg|keyrings)\b|(?:yum\.repos\.d|zypp\/repos\.d|pki\/rpm-gpg)\b)|\/usr\/share\/keyrings\b/,
    ),
    acting: true,
  },
  {
    id: 'package-source',
    technique: 'T1195.002',
    all: [
      command(
        [
          'add-apt-repository|apt-add-repository',
          String.raw`apt-key\s{1,8}${options}(?:add|adv)`,
          String.raw`rpm(?:keys)?\s{1,8}${options}--import`,
          String.raw`zypper\s{1,8}${options}(?:ar|addrepo)`,
          String.raw`(?:(?:dnf[45]?|yum)\s{1,8}${options}config-manager|yum-config-manager)\s[^;&|]{0,80}?(?:--add-repo|addrepo)`,
        ].join('|'),
        String.raw`(?=\s|$|[;=])`,
      ),
    ],
    unless: existenceCheck,
  },
  {
    id: 'package-source',
    technique: 'T1195.002',
    all: [
      command('gpg2?'),
      /\s--keyring[\s=][^;&|]{0,200}\/keyrings?\/|\s--keyring[\s=][^;&|]{0,200}\/trusted\.gpg/,
      /\s--(?:import|recv-keys)\b/,
    ],
  },
  {
    // The configuration of package tools, including hooks.
    id: 'package-tool-configuration',
    technique: 'T1546.016',
    all: writesTo(
      /\/etc\/(?:apt\/(?:apt\.conf|preferences)\b|dpkg\/dpkg\.cfg\b|(?:dnf|libdnf5?|yum(?:\.conf)?(?!\.)|rpm|zypp\/zypp\.conf)\b)|\/(?:dnf|yum|zypp)[-/]plugins\b|\/usr\/lib\/rpm\/macros/,
    ),
    acting: true,
  },
];

const comment = /^\s{0,200}#(?!!)/;

/** The indicators in a script, in the order of its lines, at most twenty. `text` is not escaped. */
export function findingsOf(script: string): ScriptIndicator[] {
  const findings: ScriptIndicator[] = [];
  const counts = new Map<string, number>();
  let line = 0;
  for (let lineStart = 0; lineStart <= script.length && findings.length < maxFindings; ) {
    const end = script.indexOf('\n', lineStart);
    const stop = end < 0 ? script.length : end;
    line++;
    const text = script.slice(lineStart, Math.min(stop, lineStart + maxLineChars));
    lineStart = stop + 1;
    if (text.length < 3 || comment.test(text) || printOnlyLine.test(text)) continue;
    const actingText = text.replace(readOnlyCommand, '$1');
    const reported = new Set<string>();
    for (const { id, technique, all, unless, acting } of signs) {
      const searched = acting ? actingText : text;
      const count = counts.get(id) ?? 0;
      if (reported.has(id) || count >= maxOfOneKind || findings.length >= maxFindings) continue;
      if (!all.every((pattern) => pattern.test(searched)) || unless?.test(searched)) continue;
      reported.add(id);
      counts.set(id, count + 1);
      findings.push({ id, technique, line, text: text.trim().slice(0, maxTextChars) });
    }
  }
  return findings;
}
