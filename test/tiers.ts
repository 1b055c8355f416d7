// The tiers of the tests, with the needs, the files and the command of each.

export interface Tier {
  /** The vitest project. */
  name: string;
  command: string;
  /** What the tier tests and what it needs. */
  what: string;
  include: readonly string[];
  /** Whether the files run one after the other, since they disturb each other. */
  serial: boolean;
  /** The limit for one test or hook, in milliseconds. */
  timeoutMs: number;
}

const directory = (name: string): readonly string[] => [`test/${name}/**/*.test.ts`];

export const tiers: readonly Tier[] = [
  {
    name: 'unit',
    command: 'npm test',
    what: 'functions, files and commands; no root needed',
    include: ['test/**/*.test.ts'],
    serial: false,
    timeoutMs: 180_000,
  },
  // An agent recovers what a killed one left in the kernel, and each agent sees the processes of every test.
  {
    name: 'e2e',
    command: 'sudo npm run test:root',
    what: 'the real agent with real dpkg, rpm, apt-get and journald; needs root and tracefs',
    include: directory('e2e'),
    serial: true,
    timeoutMs: 180_000,
  },
  {
    name: 'clone',
    command: 'sudo npm run test:clone',
    what: "the README's two commands in fresh clones with older versions of npm; needs root and the npm registry",
    include: directory('clone'),
    serial: true,
    timeoutMs: 900_000,
  },
  {
    name: 'packages',
    command: 'sudo npm run test:packages',
    what: 'the .deb and .rpm: contents, lintian, rpmlint, installation into chroots; needs root and debootstrap',
    include: directory('packages'),
    serial: true,
    timeoutMs: 900_000,
  },
  {
    name: 'boot',
    command: 'sudo npm run test:boot',
    what: 'the package on a system booted by systemd-nspawn, and image builders beside an agent; needs root and debootstrap',
    include: directory('boot'),
    serial: true,
    timeoutMs: 900_000,
  },
  {
    name: 'vm',
    command: 'sudo npm run test:vm',
    what: "the package on Debian's kernel in qemu; needs root, debootstrap and ten minutes",
    include: directory('vm'),
    serial: true,
    timeoutMs: 900_000,
  },
  {
    name: 'vm-arm64',
    command: 'sudo npm run test:vm:arm64',
    what: 'the arm64 package on an arm64 machine in qemu; also needs binutils-aarch64-linux-gnu and qemu-system-arm; not part of .ci/run',
    include: directory('vm-arm64'),
    serial: true,
    timeoutMs: 3_600_000,
  },
  {
    name: 'acceptance',
    command: 'sudo npm run test:acceptance',
    what: 'the real PackageKit with its bus and polkit, here and in qemu with logind; needs root, debootstrap and the packages packagekit, packagekit-tools, polkitd and dbus; not part of .ci/run',
    include: directory('acceptance'),
    serial: true,
    timeoutMs: 1_800_000,
  },
];
