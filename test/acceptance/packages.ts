// Packages of Debian that `npm run test:installations` installs, by what their maintainer scripts do. None of them changes the
// network, disks or modules of the running kernel.

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Installed by each tool first, so that the tool is known. */
export const learned: readonly string[] = words('hello sl tree pv time');

const byScripts: Readonly<Record<string, readonly string[]>> = {
  'users, groups, units and init scripts': words(`
    at cron anacron openssh-server nginx-light apache2 lighttpd redis-server memcached rsyslog syslog-ng-core chrony ntpsec dnsmasq
    unbound bind9 avahi-daemon cups-daemon exim4-daemon-light postfix nullmailer msmtp-mta dma dovecot-core opendkim spamassassin
    clamav-daemon fail2ban vsftpd rsync nfs-common rpcbind snmpd smartmontools haproxy varnish squid tor stunnel4 openvpn
    wireguard-tools mosquitto postgresql-common mariadb-server slapd tftpd-hpa xinetd openbsd-inetd acpid irqbalance lm-sensors
    sysstat atop monit munin-node nagios-nrpe-server zabbix-agent prometheus-node-exporter collectd-core puppet-agent docker.io
    podman lxc qemu-guest-agent spice-vdagent open-vm-tools cloud-init uptimed vnstat ifupdown isc-dhcp-client isc-dhcp-server radvd
    keepalived bird2 polkitd udisks2 upower accountsservice rtkit colord dbus auditd opendkim-tools mlocate plocate logrotate`),
  'debconf, dictionaries and configuration that scripts write': words(`
    locales keyboard-configuration dictionaries-common wamerican wbritish wngerman ispell iamerican aspell aspell-en hunspell-en-us
    ca-certificates ucf popularity-contest ssl-cert libnss-ldapd nslcd wireshark-common debconf-utils man-db fontconfig-config
    sane-utils dbconfig-common mailcap doc-base dpkg-dev libpaper-utils`),
  'hooks of apt and dpkg, sources and keys': words(`
    apt-listchanges needrestart localepurge debsums etckeeper apt-file command-not-found apticron cron-apt apt-listbugs
    apt-dater-host apt-show-versions debian-goodies dlocate deborphan debfoster apt-cacher-ng reprepro equivs devscripts lintian
    debhelper pbuilder schroot debootstrap mmdebstrap alien gdebi-core dselect packagekit software-properties-common extrepo
    fasttrack-archive-keyring debian-ports-archive-keyring apt-transport-tor`),
  'integrity and security tools, setuid files': words(`
    chkrootkit rkhunter lynis aide-common samhain integrit unhide logcheck logwatch apparmor apparmor-utils firejail bubblewrap sudo
    opendoas super screen tmux byobu fuse3 sshfs ntfs-3g cifs-utils pmount fping mtr-tiny iputils-ping vlock procmail maildrop
    fetchmail lockfile-progs bsd-mailx mutt bsdgames fortune-mod moon-buggy uuid-runtime policycoreutils gnupg dirmngr
    pinentry-curses`),
  'alternatives and diversions': words(`
    vim-tiny vim-nox nano ed jed mg joe gawk original-awk netcat-openbsd netcat-traditional traceroute telnet tnftp lynx w3m links
    most less iptables ebtables arptables nftables fakeroot libblas3 libopenblas0-pthread bison byacc flex automake ruby tcl tk
    lua5.4 lua5.1 guile-3.0 nodejs molly-guard safe-rm busybox-syslogd busybox-static mksh zsh fish tcsh ksh93u+m bash-completion
    rename zstd php8.2-cli php8.2-fpm libapache2-mod-php8.2 libapache2-mod-perl2 libapache2-mod-security2 git curl wget`),
  'kernel, initramfs and boot': words(`
    initramfs-tools klibc-utils dracut-core linux-base dkms grub-common grub2-common os-prober kmod plymouth
    linux-image-cloud-amd64 efibootmgr syslinux-common makedumpfile cryptsetup-initramfs xfsprogs btrfs-progs dosfstools usb-modeswitch
    bluez wpasupplicant ppp hdparm nvme-cli usbutils pciutils`),
  'triggers, modules, fonts, documents and desktop files': words(`
    fontconfig fonts-dejavu-core fonts-liberation xfonts-base shared-mime-info desktop-file-utils hicolor-icon-theme
    gtk-update-icon-cache libglib2.0-bin gsettings-desktop-schemas dconf-cli xdg-utils sgml-base xml-core docbook-xml docbook-xsl
    sgml-data tex-common install-info info python3-yaml python3-requests python3-lxml python3-pip python3-venv python3-numpy
    python3-twisted libwww-perl libxml-libxml-perl libxml-sax-perl libdbd-sqlite3-perl ca-certificates-java openjdk-17-jre-headless
    tomcat10 emacs-nox xterm openbox icewm feh mousepad menu libgdk-pixbuf2.0-bin ghostscript imagemagick-6.q16 graphviz rrdtool
    alsa-utils pulseaudio speech-dispatcher ruby-json ri php-pear r-base-core`),
};

/** All, the kinds in turn. */
export const installed: readonly string[] = [...new Set(inTurn(Object.values(byScripts)))];

/** Of packages with security updates: an older version is installed first. */
export const upgraded: readonly string[] = words(`
  needrestart rsyslog sudo rsync haproxy python3-lxml mosquitto ntfs-3g php8.2-cli mutt ghostscript imagemagick-6.q16 zstd git curl
  apache2-bin redis-tools bind9-dnsutils postgresql-client-15 mariadb-client openssh-client xz-utils squid-common samba-common-bin
  exim4-base memcached nodejs tomcat10 nginx-light aide-common bluez wpasupplicant uuid-runtime libapache2-mod-security2
  openjdk-17-jre-headless libglib2.0-bin unbound-anchor`);

function inTurn(lists: readonly (readonly string[])[]): string[] {
  const total = Math.max(...lists.map(({ length }) => length));
  // Each list is spread over the whole length.
  return lists
    .flatMap((list) => list.map((name, index) => ({ name, at: ((index + 0.5) / list.length) * total })))
    .sort((a, b) => a.at - b.at)
    .map(({ name }) => name);
}
