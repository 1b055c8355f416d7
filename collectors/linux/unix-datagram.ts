// Sends datagrams to Unix sockets (journald, the notify socket of systemd), which Node does not support.

import { errnoName, libc } from './libc.ts';
import { layout, linux } from './linux-abi.ts';

const { bytes: addressBytes, sun_path: pathAt } = layout.sockaddr_un;
/** Maximum length of a path in bytes, without the NUL at its end. */
const pathMax = addressBytes - pathAt - 1;
/** Size of the send buffer, which must hold one datagram; the kernel limits it to net.core.wmem_max. */
const sendBufferBytes = 8 * 1024 * 1024;

let openSocket: ((path: string, bytes: Uint8Array) => string | undefined) | undefined;

/**
 * Sends one datagram to the socket at `path` (`@name`: an abstract one) without waiting for the receiver. Returns
 * undefined on success, else the name of errno(3): `ENOENT` or `ECONNREFUSED` if no process listens, `EAGAIN` if the
 * queue of the receiver is full, `EMSGSIZE` if the datagram is too large (about 200 kB always fit).
 */
export function sendDatagram(path: string, bytes: Uint8Array): string | undefined {
  openSocket ??= bindLibc();
  return openSocket(path, bytes);
}

// sd_journal_sendv and sd_notify of libsystemd are not used, because their sockets block: while journald does not read
// (SIGSTOP, a full disk), sd_journal_sendv blocks its caller, and with it the sensor (measured with systemd 252). It
// also returns success if journald does not exist. The protocol is public: systemd.io/JOURNAL_NATIVE_PROTOCOL.
function bindLibc(): (path: string, bytes: Uint8Array) => string | undefined {
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const setsockopt = libc.func('int setsockopt(int fd, int level, int option, const void *value, uint32_t size)');
  const sendto = libc.func(
    'long sendto(int fd, const void *bytes, size_t size, int flags, const void *address, uint32_t addressSize)',
  );

  let fd = -1;
  return (path, bytes) => {
    if (fd < 0) {
      fd = socket(linux.AF_UNIX, linux.SOCK_DGRAM | linux.SOCK_CLOEXEC, 0);
      if (fd < 0) return errnoName();
      setsockopt(fd, linux.SOL_SOCKET, linux.SO_SNDBUF, new Int32Array([sendBufferBytes]), 4);
    }
    const name = Buffer.from(path);
    if (name.length > pathMax) return 'ENAMETOOLONG';
    // sockaddr_un, unix(7): an abstract name begins with NUL and has no terminator; a path ends in NUL.
    const abstract = path.startsWith('@');
    const address = Buffer.alloc(pathAt + name.length + (abstract ? 0 : 1));
    new Uint16Array(address.buffer, address.byteOffset, 1)[0] = linux.AF_UNIX;
    name.copy(address, pathAt);
    if (abstract) address[pathAt] = 0;
    const sent = sendto(fd, bytes, bytes.length, linux.MSG_DONTWAIT | linux.MSG_NOSIGNAL, address, address.length);
    return Number(sent) < 0 ? errnoName() : undefined;
  };
}
