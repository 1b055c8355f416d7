// A program that enters the dynamic linker a second time, with arguments and an auxiliary vector that it made up:
// root's ids, and a call of dpkg. Build it with -no-pie or -pie; x86-64 and arm64.
//
// usage: twice LINKER: maps the file LINKER as the kernel would, and jumps to its entry point.

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **args) {
  int fd = open(args[count - 1], O_RDONLY);
  char *file = mmap(0, 1 << 22, PROT_READ, MAP_PRIVATE, fd, 0);
  if (fd < 0 || file == MAP_FAILED) return 1;
  Elf64_Ehdr *header = (Elf64_Ehdr *)file;
  Elf64_Phdr *segments = (Elf64_Phdr *)(file + header->e_phoff);
  char *base = mmap(0, 1 << 22, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < header->e_phnum; i++) {
    if (segments[i].p_type != PT_LOAD) continue;
    uint64_t begin = segments[i].p_vaddr & ~4095UL, offset = segments[i].p_offset & ~4095UL;
    uint64_t size = segments[i].p_memsz + (segments[i].p_vaddr - begin);
    int mode = PROT_READ | (segments[i].p_flags & PF_X ? PROT_EXEC : 0) | (segments[i].p_flags & PF_W ? PROT_WRITE : 0);
    if (mmap(base + begin, size, mode, MAP_PRIVATE | MAP_FIXED, fd, offset) == MAP_FAILED) return 2;
  }
  static char text[] = "dpkg\0-i\0/forged.deb\0LD_PRELOAD=/forged.so";
  uint64_t stack[] = {
      3, (uint64_t)text, (uint64_t)text + 5, (uint64_t)text + 8, 0, (uint64_t)text + 20, 0,
      AT_UID, 0, AT_EUID, 0, AT_GID, 0, AT_EGID, 0, AT_SECURE, 0, AT_PHDR, 1, AT_PAGESZ, 4096, AT_NULL, 0};
  char *area = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint64_t *top = (uint64_t *)(area + (1 << 15));
  memcpy(top, stack, sizeof stack);
  void *entry = base + header->e_entry;
#if defined(__x86_64__)
  __asm__ volatile("mov %0, %%rsp\n jmp *%1" ::"r"(top), "r"(entry) : "memory");
#else
  __asm__ volatile("mov sp, %0\n br %1" ::"r"(top), "r"(entry) : "memory");
#endif
  return 3;
}
