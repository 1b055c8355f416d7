// Tells systemd how the service is (sd_notify(3)): ready, alive, what it does. Without systemd nobody listens, and that is well.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { sendDatagram } from '../../collectors/linux/unix-datagram.ts';
import { timerMs } from '../../collectors/timers.ts';

export interface ServiceManager {
  /** The agent works; `status` is what `systemctl status` shows. */
  ready(status: string): void;
  /** `text` is not asked for where nobody listens. */
  status(text: () => string): void;
  stopping(): void;
  /**
   * Says that the agent lives each time that `progress` gives another number than before; systemd ends and restarts a service
   * that falls silent (WatchdogSec=). Returns the way to end it.
   */
  watch(progress: () => number): () => void;
}

const maxStatusChars = 500;

type Environment = Readonly<Record<string, string | undefined>>;

const variables: readonly string[] = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];

/** The environment for a child: programs are looked up in the system's directories, and the child does not speak to systemd for the agent. */
export const environmentOfChild = (environment: Environment): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(environment).filter(([name]) => !variables.includes(name))),
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
});

/** Speaks to the one that `$NOTIFY_SOCKET` names, and feeds the watchdog of `$WATCHDOG_USEC`. */
export function openServiceManager(
  environment: Environment,
  send: (socket: string, bytes: Uint8Array) => string | undefined = sendDatagram,
): ServiceManager {
  const socket = environment.NOTIFY_SOCKET;
  const isForThisProcess = environment.WATCHDOG_PID === undefined || environment.WATCHDOG_PID === String(process.pid);
  const watchdogMs = isForThisProcess ? Number(environment.WATCHDOG_USEC ?? 0) / 1000 : 0;

  const notify = (...lines: string[]): void => {
    // What cannot be sent is systemd's to notice: it has its time limits.
    if (socket) send(socket, Buffer.from(lines.join('\n')));
  };
  const statusLine = (text: string): string => `STATUS=${escapeText(text, maxStatusChars)}`;
  return {
    ready: (text) => notify('READY=1', statusLine(text)),
    status(text) {
      if (socket) notify(statusLine(text()));
    },
    stopping: () => notify('STOPPING=1'),
    watch(progress) {
      if (!socket || !(watchdogMs > 0)) return () => {};
      let before: number | undefined;
      const notifyWatchdog = (): void => {
        const now = progress();
        if (now !== before) notify('WATCHDOG=1');
        before = now;
      };
      notifyWatchdog();
      const timer = setInterval(notifyWatchdog, timerMs(watchdogMs / 4));
      return () => clearInterval(timer);
    },
  };
}
