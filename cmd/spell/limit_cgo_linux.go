//go:build cgo

package main

/*
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

// Go's runtime reserves over a gigabyte of address space before main and dies with a dump of itself if
// it does not get it. Only C runs earlier.
__attribute__((constructor)) static void check_address_space(void) {
	const unsigned long long least = 2ULL << 30;
	struct rlimit l;
	if (getrlimit(RLIMIT_AS, &l) == 0 && l.rlim_cur != RLIM_INFINITY && l.rlim_cur < least) {
		dprintf(2, "spell: ulimit -v limits the address space of the program to %llu MiB, and it needs %llu before it begins: raise the limit\n",
			(unsigned long long)l.rlim_cur >> 20, least >> 20);
		_exit(1);
	}
}
*/
import "C"
