// Included before every file: what newer C libraries have a second version of is asked for in its first one.

#ifdef __aarch64__
#define FIRST "GLIBC_2.17"
#else
#define FIRST "GLIBC_2.2.5"
#endif
#define FIRST_VERSION_OF(name) __asm__(".symver " #name "," #name "@" FIRST)

FIRST_VERSION_OF(dlclose);
FIRST_VERSION_OF(dlerror);
FIRST_VERSION_OF(dlopen);
FIRST_VERSION_OF(dlsym);
FIRST_VERSION_OF(exp);
FIRST_VERSION_OF(log);
FIRST_VERSION_OF(log2);
FIRST_VERSION_OF(pow);
FIRST_VERSION_OF(pthread_create);
FIRST_VERSION_OF(pthread_join);
FIRST_VERSION_OF(pthread_mutex_trylock);
FIRST_VERSION_OF(pthread_mutexattr_destroy);
FIRST_VERSION_OF(pthread_mutexattr_init);
FIRST_VERSION_OF(pthread_mutexattr_settype);
FIRST_VERSION_OF(pthread_once);
