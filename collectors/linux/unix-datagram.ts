// Sends datagrams to Unix sockets (journald, systemd's notify socket), which Node itself cannot.

import { errnoName, libc } from './libc.ts';
import { layout, linux } from './linux-abi.ts';

const { bytes: addressBytes, sun_path: pathAt } = layout.sockaddr_un;
/** With the NUL at its end. */
const pathMax = addressBytes - pathAt - 1;
/** Room for one datagram; the kernel cuts it to net.core.wmem_max. */
const sendBufferBytes = 8 * 1024 * 1024;

let openSocket: ((path: string, bytes: Uint8Array) => string | undefined) | undefined;

/**
 * Sends one datagram to the socket at `path` (`@name`: an abstract one) and never waits for the receiver.
 * Returns undefined when the kernel took it, else errno(3) by name: `ENOENT` and `ECONNREFUSED` no process listens there,
 * `EAGAIN` the receiver's queue is full, `EMSGSIZE` too large (about 200 kB always fit).
 */
export function sendDatagram(path: string, bytes: Uint8Array): string | undefined {
  openSocket ??= bindLibc();
  return openSocket(path, bytes);
}

// Not libsystemd's sd_journal_sendv and sd_notify: their sockets block. While journald stands still (SIGSTOP, a full
// disk) sd_journal_sendv holds its caller, and with it the sensor, as long; measured with systemd 252. It also
// answers success when there is no journald at all. The protocol is public: systemd.io/JOURNAL_NATIVE_PROTOCOL.
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
    // sockaddr_un, unix(7): an abstract name begins with NUL and has no end; a path ends in NUL.
    const abstract = path.startsWith('@');
    const address = Buffer.alloc(pathAt + name.length + (abstract ? 0 : 1));
    new Uint16Array(address.buffer, address.byteOffset, 1)[0] = linux.AF_UNIX;
    name.copy(address, pathAt);
    if (abstract) address[pathAt] = 0;
    const sent = sendto(fd, bytes, bytes.length, linux.MSG_DONTWAIT | linux.MSG_NOSIGNAL, address, address.length);
    return Number(sent) < 0 ? errnoName() : undefined;
  };
}
