// Notifies systemd of the service's state (sd_notify(3)): ready, alive, status text. Does nothing unless systemd started the agent.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { sendDatagram } from '../../collectors/linux/unix-datagram.ts';
import { timerMs } from '../../collectors/timers.ts';

/** Sends the state of the service to systemd. Without `$NOTIFY_SOCKET` nothing is sent; a failed send is ignored. */
export interface ServiceManager {
  /** Notifies that the agent works; `systemctl status` shows `status`. */
  ready(status: string): void;
  /** Updates the status text. `text` is not called without systemd. */
  status(text: () => string): void;
  stopping(): void;
  /**
   * Notifies the watchdog whenever `progress` returns a new number; systemd ends and restarts a service
   * that stops notifying it (WatchdogSec=). Returns a function that stops the notifications.
   */
  watch(progress: () => number): () => void;
}

const maxStatusChars = 500;

type Environment = Readonly<Record<string, string | undefined>>;

const variables: readonly string[] = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];

/** The environment for a child: PATH contains the system's directories, and the child cannot notify systemd as the agent. */
export const environmentOfChild = (environment: Environment): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(environment).filter(([name]) => !variables.includes(name))),
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
});

/** Opens the connection to the socket in `$NOTIFY_SOCKET`. The watchdog is notified four times in `$WATCHDOG_USEC`. */
export function openServiceManager(
  environment: Environment,
  send: (socket: string, bytes: Uint8Array) => string | undefined = sendDatagram,
): ServiceManager {
  const socket = environment.NOTIFY_SOCKET;
  const isForThisProcess = environment.WATCHDOG_PID === undefined || environment.WATCHDOG_PID === String(process.pid);
  const watchdogMs = isForThisProcess ? Number(environment.WATCHDOG_USEC ?? 0) / 1000 : 0;

  const notify = (...lines: string[]): void => {
    // A failed send is ignored: systemd applies its own time limits.
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
