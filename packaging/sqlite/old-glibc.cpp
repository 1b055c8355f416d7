// What glibc 2.28 and its libstdc++ do not have as functions at all, for SQLite and its bindings.

#include <fcntl.h>
#include <new>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Functions since glibc 2.33. On x86-64 and arm64 the kernel's structure is the C library's, under both of its names.
#define STAT(name, structure, call)                                                                                    \
  extern "C" int name structure noexcept { return static_cast<int>(syscall call); }
STAT(stat, (const char *path, struct stat *into), (SYS_newfstatat, AT_FDCWD, path, into, 0))
STAT(stat64, (const char *path, struct stat64 *into), (SYS_newfstatat, AT_FDCWD, path, into, 0))
STAT(lstat, (const char *path, struct stat *into), (SYS_newfstatat, AT_FDCWD, path, into, AT_SYMLINK_NOFOLLOW))
STAT(lstat64, (const char *path, struct stat64 *into), (SYS_newfstatat, AT_FDCWD, path, into, AT_SYMLINK_NOFOLLOW))
STAT(fstat, (int file, struct stat *into), (SYS_fstat, file, into))
STAT(fstat64, (int file, struct stat64 *into), (SYS_fstat, file, into))

// A function since GCC 11.
namespace std {
void __throw_bad_array_new_length() { throw bad_array_new_length(); }
} // namespace std
