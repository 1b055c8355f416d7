// What administrators do with package tools and their database in an ordinary week, one line of bash each.

const install = 'apt-get install -y -q';
/** Makes /root/NAME.deb, as a developer does. */
const build =
  'mkdir -p /root/made/DEBIAN && printf "Package: made-here\\nVersion: 1\\nArchitecture: all\\nMaintainer: Ops <ops@example.org>\\nDescription: made here\\n" >/root/made/DEBIAN/control && dpkg-deb --root-owner-group --build /root/made /root/made.deb';

/** Lines that come first, since others need what they leave. */
export const preparation: readonly string[] = [
  `${install} etckeeper needrestart debsums apt-listchanges localepurge git rsync cron logrotate man-db ca-certificates`,
  `${install} gdebi-core dpkg-repack aide-common dlocate deborphan apt-file fakeroot rpm cpio zip chkrootkit unhide figlet`,
  `${install} alien equivs debconf-utils`,
  `${install} devscripts`,
  `${install} lintian`,
  'git config --global user.email ops@example.org && git config --global user.name Ops && (etckeeper init; etckeeper commit "first commit")',
  'cd /root && apt-get download -q toilet',
  build,
];

export const ordinaryWork: readonly string[] = [
  // Installations with hooks.
  'echo "# a comment" >>/etc/motd; apt-get install -y -q cowsay',
  'apt install -y -q --reinstall figlet',
  'apt-get purge -y -q cowsay',
  'needrestart -b; needrestart -r l -b',
  'etckeeper unclean; etckeeper vcs log --oneline | head',
  'cd /root && gdebi -n ./toilet_*.deb',
  'cd /root && gdebi -q -n --option=Dpkg::Options::=--force-confold ./toilet_*.deb',
  'apt-get remove -y -q toilet',

  // Checks of what is installed.
  'debsums -c; debsums -s; debsums -l',
  'debsums -a -e; debsums --generate=missing base-files',
  'dpkg --verify; dpkg --audit; apt-get check; apt-mark showhold',
  'printf "database_out=file:/var/lib/aide/small.db\\ngzip_dbout=no\\n/var/lib/dpkg p+u+g+s+m+c+sha256\\n/etc/apt p+u+g+s+sha256\\n" >/root/aide.conf && aide --init --config /root/aide.conf',
  'chkrootkit -q',
  'update-dlocatedb; dlocate -l figlet; deborphan; dpkg -S /bin/ls; dpkg-query -W >/dev/null; dpkg -l | tail -1; apt list --installed 2>/dev/null | wc -l',
  'grep -rl systemctl /var/lib/dpkg/info | wc -l; find /var/lib/dpkg/info -name "*.postinst" -exec grep -l adduser {} + | wc -l',
  'for f in /var/lib/dpkg/info/*.prerm; do md5sum "$f"; done | sort | uniq -w32 | wc -l',
  'head -20 /var/lib/dpkg/info/dash.postinst; less /var/lib/dpkg/info/dash.postinst | cat; diff /var/lib/dpkg/info/dash.postinst /var/lib/dpkg/info/dash.prerm | head; wc -l /var/lib/dpkg/info/*.postinst | tail -1',
  'lintian --version; checkbashisms -f /var/lib/dpkg/info/debconf.postinst; bash -n /var/lib/dpkg/info/debconf.postinst',
  'vim.tiny -es -c q /var/lib/dpkg/info/debconf.postinst; true',

  // Packages that are made, converted or repacked here.
  'dpkg -i /root/made.deb && dpkg -P made-here',
  'apt-get install -y -q /root/made.deb && apt-get purge -y -q made-here',
  'dpkg-deb -x /root/made.deb /root/x; dpkg-deb -e /root/made.deb /root/x/DEBIAN; dpkg-deb -I /root/made.deb; dpkg-deb -c /root/made.deb',
  'cd /root && alien -r -k toilet_*.deb && alien -d -k toilet-*.rpm; ls /root/*.rpm',
  'cd /root && dpkg-repack figlet && lintian figlet_*.deb | head -3',
  'cd /root && printf "Section: misc\\nPackage: local-meta\\nDepends: tree\\n" >meta && equivs-build meta && apt-get install -y -q ./local-meta_*.deb',
  'mkdir -p /root/src/debian && cd /root/src && printf "Source: made\\nMaintainer: Ops <ops@example.org>\\nBuild-Depends: debhelper-compat (= 13), libexpat1-dev\\n\\nPackage: made\\nArchitecture: any\\nDescription: made\\n" >debian/control && printf "made (1) unstable; urgency=low\\n\\n  * New.\\n\\n -- Ops <ops@example.org>  Mon, 02 Nov 2026 10:00:00 +0000\\n" >debian/changelog && apt-get build-dep -y -q ./',
  'cd /root/src && mk-build-deps -i -r -t "apt-get -y -q --no-install-recommends" debian/control',

  // Settings.
  'dpkg-reconfigure -f noninteractive tzdata; dpkg-reconfigure -f noninteractive -plow debconf; dpkg-reconfigure -f readline ca-certificates </dev/null; dpkg-reconfigure -f noninteractive dash man-db localepurge',
  'echo "tzdata tzdata/Areas select Europe" | debconf-set-selections; debconf-show tzdata; debconf-get-selections | wc -l',
  'update-alternatives --display pager; echo | update-alternatives --config pager; echo 1 | update-alternatives --config awk; update-alternatives --set awk /usr/bin/mawk; update-alternatives --auto awk; update-alternatives --install /usr/bin/ops-pager ops-pager /bin/more 10; update-alternatives --remove ops-pager /bin/more; update-alternatives --get-selections | wc -l',
  'dpkg-divert --local --rename --add /usr/bin/figlet; dpkg-divert --local --rename --remove /usr/bin/figlet; dpkg-statoverride --update --add root root 0755 /usr/bin/hello; dpkg-statoverride --remove /usr/bin/hello',
  'dpkg --get-selections >/root/selections; dpkg --set-selections </root/selections; apt-mark hold figlet; apt-mark unhold figlet; apt-mark auto tree; apt-mark manual tree; apt-mark minimize-manual -y -q || true',
  'dpkg --configure -a; dpkg --triggers-only -a; dpkg-trigger --no-await ldconfig; dpkg --configure --pending; apt-get -f -y -q install',
  'apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Acquire::Retries=3 install fortunes-min',
  'apt-get -s install nginx-light >/dev/null; apt-get -y -q --download-only install nginx-light; apt-get -y -q --print-uris install nginx-light >/dev/null; dpkg --dry-run -i /root/made.deb; apt-get -y -q autoremove; apt-get autoclean; apt-get clean',
  'apt-file update; apt-file search bin/figlet | head -2; apt-cache policy figlet; apt-get update -q; apt-get -y -q upgrade; aptitude -y -q safe-upgrade; unattended-upgrade -d',
  'env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin apt-get install -y -q sl; cd / && nice -n 10 ionice -c3 apt-get install -y -q --reinstall sl; setsid apt-get install -y -q --reinstall sl; nohup apt-get install -y -q --reinstall sl; timeout 100 apt-get install -y -q --reinstall sl; script -qc "apt-get install -y -q --reinstall sl" /dev/null; echo sl | xargs apt-get install -y -q --reinstall',

  // Backups, and what comes back from them.
  'tar -cf /var/tmp/dpkg.tar /var/lib/dpkg; tar -czf /var/tmp/dpkg.tar.gz -C / var/lib/dpkg etc; tar -tf /var/tmp/dpkg.tar | wc -l',
  'mkdir -p /var/tmp/copy && rsync -a --delete /var/lib/dpkg/ /var/tmp/copy/ && rsync -ac /var/lib/dpkg/ /var/tmp/copy/',
  'mkdir -p /var/tmp/pipe && tar -C /var/lib -cf - dpkg | tar -C /var/tmp/pipe -xf -; tar -C /var/lib -cf - dpkg | gzip | cat >/var/tmp/pipe.gz; tar -C /var/lib -cf - dpkg | (cd /var/tmp/pipe && tar xf -)',
  'cp -a /var/lib/dpkg /var/tmp/copied; (cd /var/lib && find dpkg | cpio -o --quiet >/var/tmp/dpkg.cpio); zip -qr /var/tmp/dpkg.zip /var/lib/dpkg; cp /var/lib/dpkg/status /root/status.bak',
  'sh -c "tar -cf - /var/lib/dpkg/info | sha256sum"; bash -c "cat /var/lib/dpkg/info/*.postinst | wc -l"; cat /var/lib/dpkg/info/*.postinst | sort | uniq -c | sort -rn | head -3',

  // Jobs.
  'for job in dpkg debsums logrotate man-db aide apt-listchanges; do [ -x /etc/cron.daily/$job ] && timeout 100 /etc/cron.daily/$job; done; /usr/libexec/dpkg/dpkg-db-backup; logrotate -f /etc/logrotate.conf; true',
  'localepurge; updatedb 2>/dev/null; update-initramfs -u 2>/dev/null; ldconfig; update-ca-certificates --fresh; mandb -q; true',
];
