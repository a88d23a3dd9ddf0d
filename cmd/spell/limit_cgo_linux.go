//go:build cgo

package main

/*
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// Go's and C's runtimes die with a dump of themselves, before main, if a limit of the process does
// not leave what they begin with. Only C runs earlier. The stack may be too small for printf.

static void refuse(const char *sentence) {
	write(2, sentence, strlen(sentence));
	_exit(1);
}

static void need(int resource, unsigned long long least, const char *sentence) {
	struct rlimit l;
	if (getrlimit(resource, &l) == 0 && l.rlim_cur != RLIM_INFINITY && l.rlim_cur < least) {
		refuse(sentence);
	}
}

static pthread_mutex_t closed = PTHREAD_MUTEX_INITIALIZER;

static void *wait_until_open(void *_) {
	pthread_mutex_lock(&closed);
	pthread_mutex_unlock(&closed);
	return NULL;
}

// Tries to have as many threads at a time as Go starts before main.
static void need_threads(void) {
	pthread_t threads[8];
	int n = 0;
	pthread_mutex_lock(&closed);
	while (n < 8 && pthread_create(&threads[n], NULL, wait_until_open, NULL) == 0) {
		n++;
	}
	pthread_mutex_unlock(&closed);
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
	}
	if (n < 8) {
		refuse("spell: the system does not let the program start 8 threads: raise the limit of ulimit -u, "
			"or end other programs\n");
	}
}

__attribute__((constructor)) static void check_limits(void) {
	need(RLIMIT_STACK, 64ULL << 10, "spell: ulimit -s limits the stack of the program to less than the 64 KiB "
		"it needs before it begins: raise the limit\n");
	need(RLIMIT_NOFILE, 16, "spell: ulimit -n limits the open files of the program to fewer than the 16 "
		"it needs before it begins: raise the limit\n");
	need(RLIMIT_AS, 2ULL << 30, "spell: ulimit -v limits the address space of the program to less than the "
		"2048 MiB it needs before it begins: raise the limit\n");
	need(RLIMIT_DATA, 160ULL << 20, "spell: ulimit -d limits the data of the program to less than the "
		"160 MiB it needs before it begins: raise the limit\n");
	need_threads();
}
*/
import "C"
