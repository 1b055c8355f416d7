// Twenty requests of two users to PackageKit, in turn, and what an agent has to report of them.

import { expect } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { until } from '../e2e/run-agent.ts';

export const packagekitd = '/usr/libexec/packagekitd';
/** The users who ask. */
export const callerIds = { alice: 7001, bob: 7002 } as const;
export const ofInitiator = 'package-installed-by-unusual-initiator';
const ofLocalPackage = 'local-package-installed-by-service';

/** The name of a package of the repository. */
export const listed = (suffix: number | string): string => `e2e-listed-${suffix}`;
/** The name of a package that is installed from a file. */
const local = (suffix: number): string => `e2e-local-${suffix}`;

interface Request {
  user: keyof typeof callerIds;
  /** The name of the package. */
  name: string;
  /** Whether the package is a file, and in no repository. */
  isLocal: boolean;
}

export const requests: readonly Request[] = Array.from({ length: 20 }, (_, index) => {
  const isLocal = index % 4 >= 2;
  return { user: index % 2 === 0 ? 'alice' : 'bob', name: isLocal ? local(index) : listed(index), isLocal };
});

/** The alerts of the requests, by rule and package: each caller is new once, and once more with a file. */
export const alertsOfRequests: readonly (readonly [rule: string, name: string])[] = [
  [ofInitiator, listed(0)],
  [ofInitiator, listed(1)],
  [ofLocalPackage, local(2)],
  [ofLocalPackage, local(3)],
];

/** A rule of polkit that allows the users whatever they ask PackageKit for: no person enters a password here. */
export const polkitRule =
  'polkit.addRule(function (action, subject) {\n' +
  `  if (${JSON.stringify(Object.keys(callerIds))}.indexOf(subject.user) >= 0 &&\n` +
  '      action.id.indexOf("org.freedesktop.packagekit.") === 0) return polkit.Result.YES;\n});\n';

/** Whether an event is of the package. */
export const isOf = (name: string, { process, stepparent }: Pick<StepparentEvent, 'process' | 'stepparent'>): boolean =>
  stepparent.transaction?.packages?.some((one) => one.name === name) ??
  process?.args?.some((arg) => new RegExp(`/${name}(?:_1_all)?\\.deb$`).test(arg)) ??
  false;

/** The run of dpkg and the transaction that installed a package. */
interface Installation {
  exec: StepparentEvent;
  transaction: StepparentEvent;
}

/** Waits until an agent has reported the installation of each of the packages. */
export const installationsOf = (
  names: readonly string[],
  read: () => Promise<readonly StepparentEvent[]>,
  withinMs?: number,
): Promise<Installation[]> =>
  until(
    `the events of ${names}`,
    async () => {
      const events = await read();
      const found = names.flatMap((name) => {
        const own = events.filter((event) => isOf(name, event));
        const exec = own.find(({ stepparent }) => stepparent.package?.operation === 'unpack');
        const transaction = own.find(({ stepparent }) => stepparent.transaction?.packages !== undefined);
        return exec && transaction ? [{ exec, transaction }] : [];
      });
      return found.length === names.length && found;
    },
    withinMs,
  );

/** Checks that each of the requests has its caller. */
export function expectCallers(installations: readonly Installation[]): void {
  expect(installations).toHaveLength(requests.length);
  for (const [index, { user }] of requests.entries()) {
    const { exec, transaction } = installations[index] ?? {};
    expect(exec?.process?.env_vars).toContain(`PACKAGEKIT_CALLER_UID=${callerIds[user]}`);
    for (const event of [exec, transaction]) {
      expect(event?.stepparent.initiator).toMatchObject({
        executable: packagekitd,
        origin: `PackageKit for ${user}`,
        requester: { user: { id: String(callerIds[user]), name: user }, claimed: false, source: 'environment' },
      });
    }
  }
}
