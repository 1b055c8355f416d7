// The table of origins: the programs that start sessions and jobs, change the user, carry out requests of other
// programs, or work on behalf of a user. docs/origins.md lists it.

import path from 'node:path';

/** Where a request to install a package can come from: the keywords of `stepparent.initiator.origin_kind`. */
export const originKinds = {
  ssh: 'a login over ssh',
  console: 'a login on the console or at a display manager',
  session: 'a login session whose start the agent did not see',
  cron: 'a cron job',
  anacron: 'a job of anacron',
  at: 'a job of at(1)',
  timer: 'a systemd unit that has a timer of its name',
  unit: 'another systemd unit',
  user_unit: 'a unit of a user’s service manager',
  systemd_run: 'a command of systemd-run or run0',
  init: 'init itself',
  container: 'a container',
  container_build: 'a builder of container images',
  package_daemon: 'a daemon that installs packages for its callers',
  automatic_upgrade: 'the distribution’s automatic upgrades',
  cloud_init: 'the first boot of a cloud instance',
  ci_runner: 'a runner of continuous integration',
  configuration_management: 'configuration management',
  ai_agent: 'an AI coding agent',
} as const;

/** Where a request came from. */
export type OriginKind = keyof typeof originKinds;

type OriginRole =
  /** Starts the sessions of users. The origin is `NAME as USER`. */
  | 'login'
  /** Starts jobs. The origin is `cron`. */
  | 'job'
  /** Runs a program as another user. */
  | 'elevation'
  /** Installs packages for its callers. The origin is `NAME for CALLER`. */
  | 'daemon'
  /** Does what another program asked for. The origin is `NAME from` the origin of the program itself. */
  | 'agent'
  /** Is known by its unit or job, which the origin names. */
  | 'service';

/** How the journal of a daemon names its callers. */
interface CallerLines {
  /** The first line of the daemon: without it, earlier lines may be lost. */
  started: RegExp;
  /** Lines about requests that may change packages. Group: `uid` of the caller. */
  callers: readonly RegExp[];
}

/** One origin. */
export interface Origin {
  /** As in texts. Each occurs once. */
  name: string;
  kind: OriginKind;
  role: OriginRole;
  /**
   * Files, links resolved, with the packages that may own them, all separated by spaces: such a file verifies the origin. For `login` and
   * `job` a file of the same name in another system directory counts too.
   */
  programs?: readonly (readonly [files: string, packages: string])[];
  /** Matches the path of a program or script that no package owns. Any program can have such a path: it is a claim. */
  claim?: RegExp;
  /** Matches one of the arguments of a program that `claim` matches. Absent: they may be any. */
  argument?: RegExp;
  /** The variable by which the program passes on the user id, or with `_USER` the name, of its caller. */
  variable?: string;
  callerLines?: CallerLines;
  /** A client that the distribution runs as root by itself: it must be one of these files. */
  ownClient?: string;
}

/** A file of a package of npm, wherever it is installed. */
const ofNpm = (name: string): RegExp => new RegExp(`/node_modules/${name}/`);

/** The rows, in the order of docs/origins.md. */
export const origins: readonly Origin[] = [
  {
    name: 'ssh',
    kind: 'ssh',
    role: 'login',
    programs: [
      ['/usr/sbin/sshd /usr/lib/openssh/sshd-session', 'openssh-server openssh'],
      ['/usr/libexec/openssh/sshd-session /usr/libexec/ssh/sshd-session', 'openssh-server'],
      ['/usr/sbin/dropbear', 'dropbear-bin dropbear'],
    ],
  },
  {
    name: 'console',
    kind: 'console',
    role: 'login',
    programs: [
      ['/usr/bin/login', 'login util-linux'],
      ['/usr/sbin/agetty /usr/sbin/getty', 'util-linux util-linux-core'],
      ['/usr/sbin/mingetty', 'mingetty'],
      ['/usr/sbin/gdm3 /usr/sbin/gdm /usr/libexec/gdm-session-worker /usr/lib/gdm3/gdm-session-worker', 'gdm3 gdm'],
      ['/usr/bin/sddm /usr/libexec/sddm-helper /usr/lib/x86_64-linux-gnu/sddm/sddm-helper', 'sddm'],
      ['/usr/sbin/lightdm', 'lightdm'],
      ['/usr/bin/xdm', 'xdm'],
      ['/usr/sbin/lxdm', 'lxdm'],
      ['/usr/bin/slim', 'slim'],
      ['/usr/sbin/greetd /usr/bin/greetd', 'greetd'],
      ['/usr/bin/ly', 'ly'],
    ],
  },
  {
    name: 'cron',
    kind: 'cron',
    role: 'job',
    programs: [
      ['/usr/sbin/cron', 'cron'],
      ['/usr/sbin/crond', 'cronie cron'],
      ['/usr/sbin/fcron', 'fcron'],
    ],
  },
  { name: 'anacron', kind: 'anacron', role: 'job', programs: [['/usr/sbin/anacron', 'anacron cronie-anacron']] },
  { name: 'at', kind: 'at', role: 'job', programs: [['/usr/sbin/atd', 'at']] },

  {
    name: 'sudo',
    kind: 'session',
    role: 'elevation',
    programs: [
      ['/usr/bin/sudo /usr/bin/sudo.ws', 'sudo sudo-ldap'],
      ['/usr/bin/sudo-rs /usr/lib/cargo/bin/sudo', 'sudo-rs'],
    ],
    variable: 'SUDO_UID',
  },
  {
    name: 'su',
    kind: 'session',
    role: 'elevation',
    programs: [
      ['/usr/bin/su', 'util-linux'],
      ['/usr/bin/su-rs /usr/lib/cargo/bin/su', 'sudo-rs'],
    ],
  },
  {
    name: 'pkexec',
    kind: 'session',
    role: 'elevation',
    programs: [['/usr/bin/pkexec', 'pkexec polkit policykit-1']],
    variable: 'PKEXEC_UID',
  },
  {
    name: 'doas',
    kind: 'session',
    role: 'elevation',
    programs: [['/usr/bin/doas', 'opendoas doas']],
    variable: 'DOAS_USER',
  },

  {
    name: 'PackageKit',
    kind: 'package_daemon',
    role: 'daemon',
    programs: [
      ['/usr/libexec/packagekitd /usr/lib/packagekit/packagekitd /usr/lib/packagekitd', 'packagekit PackageKit'],
    ],
    // Its backend for apt sets it for callers in a login session and for those of a user who has a display, but not for root.
    variable: 'PACKAGEKIT_CALLER_UID',
    callerLines: {
      started: /^daemon start$/,
      callers: [
        /^uid (?<uid>\d+) obtained auth for org\.freedesktop\.packagekit\.(?:package-\S+|system-update|upgrade-system|repair-system|repo-remove|trigger-\S+)$/,
        // Not of local files.
        /^new (?:install|update|remove)-packages transaction \S+ scheduled from uid (?<uid>\d+)$/,
      ],
    },
    ownClient: '/usr/libexec/pk-offline-update /usr/lib/packagekit/pk-offline-update /usr/lib/pk-offline-update',
  },
  // None of the next three names its caller in the environment or in its journal: docs/limitations.md has what they write.
  {
    name: 'aptdaemon',
    kind: 'package_daemon',
    role: 'daemon',
    programs: [['/usr/sbin/aptd', 'aptdaemon']],
  },
  {
    name: 'dnf5daemon',
    kind: 'package_daemon',
    role: 'daemon',
    programs: [['/usr/bin/dnf5daemon-server /usr/sbin/dnf5daemon-server', 'dnf5daemon-server']],
  },
  {
    name: 'snapd',
    kind: 'package_daemon',
    role: 'daemon',
    programs: [['/usr/lib/snapd/snapd /usr/libexec/snapd/snapd', 'snapd']],
  },

  {
    name: 'apt’s timer',
    kind: 'automatic_upgrade',
    role: 'service',
    programs: [['/usr/lib/apt/apt.systemd.daily', 'apt']],
  },
  {
    name: 'unattended-upgrades',
    kind: 'automatic_upgrade',
    role: 'service',
    programs: [['/usr/share/unattended-upgrades/unattended-upgrade-shutdown', 'unattended-upgrades']],
  },
  {
    name: 'dnf-automatic',
    kind: 'automatic_upgrade',
    role: 'service',
    programs: [['/usr/bin/dnf-automatic-3', 'dnf-automatic']],
  },
  { name: 'cloud-init', kind: 'cloud_init', role: 'service', programs: [['/usr/bin/cloud-init', 'cloud-init']] },

  {
    name: 'gitlab-runner',
    kind: 'ci_runner',
    role: 'agent',
    programs: [['/usr/bin/gitlab-runner /usr/lib/gitlab-runner/gitlab-runner', 'gitlab-runner']],
    claim: /\/gitlab-runner$/,
  },
  { name: 'github-runner', kind: 'ci_runner', role: 'agent', claim: /\/bin(?:\.[\d.]+)?\/Runner\.Worker$/ },
  {
    name: 'jenkins',
    kind: 'ci_runner',
    role: 'agent',
    claim: /\/java$/,
    argument:
      /(?:^|\/)(?:agent|remoting|slave)\.jar$|^hudson\.remoting\.(?:jnlp\.Main|Launcher)$|^(?:.*\/)?jenkins\.war$/,
  },
  {
    name: 'buildkite',
    kind: 'ci_runner',
    role: 'agent',
    programs: [['/usr/bin/buildkite-agent', 'buildkite-agent']],
    claim: /\/buildkite-agent$/,
  },
  {
    name: 'woodpecker',
    kind: 'ci_runner',
    role: 'agent',
    programs: [['/usr/bin/woodpecker-agent', 'woodpecker-agent']],
    claim: /\/woodpecker-agent$/,
  },
  { name: 'drone', kind: 'ci_runner', role: 'agent', claim: /\/drone-runner-(?:exec|ssh|docker)$/ },
  { name: 'act_runner', kind: 'ci_runner', role: 'agent', claim: /\/(?:act_runner|forgejo-runner)$/ },

  {
    name: 'ansible',
    kind: 'configuration_management',
    role: 'agent',
    programs: [['/usr/bin/ansible /usr/bin/ansible-playbook /usr/bin/ansible-pull', 'ansible-core ansible']],
    claim: /\/bin\/ansible(?:-playbook|-pull)?$|\/ansible-tmp-[\d.*-]+\/[^/]+$/,
  },
  {
    name: 'puppet',
    kind: 'configuration_management',
    role: 'agent',
    programs: [['/usr/bin/puppet /opt/puppetlabs/puppet/bin/puppet', 'puppet puppet-agent']],
    claim: /\/bin\/puppet$/,
  },
  {
    name: 'chef',
    kind: 'configuration_management',
    role: 'agent',
    programs: [['/usr/bin/chef-client /opt/chef/bin/chef-client /opt/cinc/bin/cinc-client', 'chef cinc']],
    claim: /\/bin\/(?:chef|cinc)-(?:client|solo|apply)$/,
  },
  {
    name: 'salt',
    kind: 'configuration_management',
    role: 'agent',
    programs: [
      [
        '/usr/bin/salt-minion /usr/bin/salt-call /opt/saltstack/salt/salt-minion /opt/saltstack/salt/salt-call',
        'salt-minion salt-common salt',
      ],
    ],
    claim: /\/salt-(?:minion|call)$/,
  },
  {
    name: 'cfengine',
    kind: 'configuration_management',
    role: 'agent',
    programs: [
      ['/usr/bin/cf-agent /usr/sbin/cf-agent /var/cfengine/bin/cf-agent', 'cfengine3 cfengine-community cfengine-nova'],
    ],
    claim: /\/cf-agent$/,
  },

  {
    name: 'buildah',
    kind: 'container_build',
    role: 'agent',
    programs: [['/usr/bin/buildah', 'buildah']],
    claim: /\/buildah$/,
  },
  {
    name: 'buildkit',
    kind: 'container_build',
    role: 'agent',
    programs: [['/usr/bin/buildkitd /usr/sbin/buildkitd', 'buildkit']],
    claim: /\/buildkitd$/,
  },
  { name: 'kaniko', kind: 'container_build', role: 'agent', claim: /^\/kaniko\/executor$/ },

  {
    name: 'claude',
    kind: 'ai_agent',
    role: 'agent',
    claim:
      /\/node_modules\/@anthropic-ai\/claude-code\/|\/\.local\/share\/claude\/versions\/[^/]+$|\/\.?claude\/local\/claude$|\/bin\/claude$/,
  },
  { name: 'codex', kind: 'ai_agent', role: 'agent', claim: /\/node_modules\/@openai\/codex\/|\/bin\/codex$/ },
  { name: 'gemini', kind: 'ai_agent', role: 'agent', claim: /\/node_modules\/@google\/gemini-cli\/|\/bin\/gemini$/ },
  { name: 'qwen-code', kind: 'ai_agent', role: 'agent', claim: ofNpm('@qwen-code/qwen-code') },
  { name: 'copilot', kind: 'ai_agent', role: 'agent', claim: /\/node_modules\/@github\/copilot\/|\/bin\/copilot$/ },
  { name: 'opencode', kind: 'ai_agent', role: 'agent', claim: /\/node_modules\/opencode-[^/]+\/|\/bin\/opencode$/ },
  { name: 'amp', kind: 'ai_agent', role: 'agent', claim: ofNpm('@sourcegraph/amp') },
  { name: 'aider', kind: 'ai_agent', role: 'agent', claim: /\/bin\/aider$|\/site-packages\/aider\// },
  { name: 'goose', kind: 'ai_agent', role: 'agent', claim: /\/\.local\/bin\/goose$/ },
  { name: 'cursor-agent', kind: 'ai_agent', role: 'agent', claim: /\/cursor-agent(?:\/versions\/[^/]+\/[^/]+)?$/ },
];

const wordsOf = (text = ''): string[] => (text === '' ? [] : text.split(' '));

const filesOf = ({ programs = [] }: Origin): string[] => programs.flatMap(([files]) => wordsOf(files));

/** The files of the table, each with the packages that may own it. */
export const originPrograms: readonly { path: string; package: string }[] = origins.flatMap(
  ({ programs = [], ownClient }) => {
    const clients = wordsOf(ownClient).map((file) => [file, programs[0]?.[1] ?? ''] as const);
    return [...programs, ...clients].flatMap(([files, packages]) =>
      wordsOf(files).flatMap((file) => wordsOf(packages).map((owner) => ({ path: file, package: owner }))),
    );
  },
);

const byPath: ReadonlyMap<string, Origin> = new Map(
  origins.flatMap((origin) => filesOf(origin).map((file) => [file, origin] as const)),
);

/** Directories of the distribution’s programs, with those of daemons' helper programs, such as `/usr/lib/openssh/sshd-session`. */
const daemonDirectory = /^\/(?:usr\/)?(?:s?bin|lib(?:exec|64)?)\/(?:.*\/)?([^/]+)$/s;
const starters: ReadonlyMap<string, Origin> = new Map(
  origins
    .filter(({ role }) => role === 'login' || role === 'job')
    .flatMap((origin) => filesOf(origin).map((file) => [path.basename(file), origin] as const)),
);
const withClaim = origins.filter(({ claim }) => claim !== undefined);

/** What starts sessions or jobs, by the path of its program in a system directory. */
export const starterOf = (executable: string): Origin | undefined =>
  starters.get(daemonDirectory.exec(executable)?.[1] ?? '');

/** The origin that has this file among its `programs`. */
export const originOfPath = (file: string): Origin | undefined => byPath.get(file);

/** The origin that a program of this path claims to be, by the path and the arguments alone. */
export const claimedOrigin = (file: string, args: readonly string[] | undefined): Origin | undefined =>
  withClaim.find(
    ({ claim, argument }) => claim?.test(file) && (argument === undefined || args?.some((one) => argument.test(one))),
  );

/** The daemons of the table, by the path of their program. */
export const daemonOfPath = (file: string): Origin | undefined => {
  const origin = byPath.get(file);
  return origin?.role === 'daemon' ? origin : undefined;
};

/** The variables by which programs of the table pass on their caller. */
export const callerVariables: readonly string[] = origins.flatMap(({ variable }) => variable ?? []);
