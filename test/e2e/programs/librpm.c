// Installs package files with librpm in its own process, without the library's headers.
// librpm DATABASE_DIRECTORY FLAGS PACKAGE...
#include <stdio.h>
#include <stdlib.h>

typedef struct rpmts_s *rpmts;
typedef struct headerToken_s *Header;
typedef struct FDIO_s *FD_t;
typedef struct rpmRelocation_s rpmRelocation;

int rpmReadConfigFiles(const char *file, const char *target);
int rpmDefineMacro(void *context, const char *macro, int level);
rpmts rpmtsCreate(void);
unsigned int rpmtsSetVSFlags(rpmts transaction, unsigned int flags);
unsigned int rpmtsSetFlags(rpmts transaction, unsigned int flags);
int rpmtsSetRootDir(rpmts transaction, const char *root);
int rpmtsSetNotifyCallback(rpmts transaction, void *callback, void *data);
void *rpmShowProgress(const void *header, int what, unsigned long long amount, unsigned long long total,
                      const void *key, void *data);
int rpmReadPackageFile(rpmts transaction, FD_t file, const char *name, Header *header);
int rpmtsAddInstallElement(rpmts transaction, Header header, const void *key, int upgrade,
                           rpmRelocation *relocations);
int rpmtsOrder(rpmts transaction);
int rpmtsRun(rpmts transaction, void *problems, unsigned int ignored);
FD_t Fopen(const char *path, const char *mode);

int main(int argc, char **argv) {
  char macro[4096];
  if (argc < 4) return 2;
  rpmReadConfigFiles(NULL, NULL);
  snprintf(macro, sizeof macro, "_dbpath %s", argv[1]);
  rpmDefineMacro(NULL, macro, 0);
  rpmts transaction = rpmtsCreate();
  rpmtsSetVSFlags(transaction, 0xf7f00);
  rpmtsSetFlags(transaction, strtoul(argv[2], NULL, 0));
  rpmtsSetNotifyCallback(transaction, (void *)rpmShowProgress, NULL);
  for (int i = 3; i < argc; i++) {
    Header header = NULL;
    FD_t file = Fopen(argv[i], "r.ufdio");
    if (file == NULL || rpmReadPackageFile(transaction, file, argv[i], &header) != 0) return 3;
    if (rpmtsAddInstallElement(transaction, header, argv[i], 1, NULL) != 0) return 4;
  }
  rpmtsOrder(transaction);
  int result = rpmtsRun(transaction, NULL, 0);
  printf("%d\n", result);
  return result == 0 ? 0 : 1;
}
