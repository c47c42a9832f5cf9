/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script of fuzz-workers.c: steps of an operation, its argument, a length of two bytes,
 * little-endian, and so many bytes. An argument says which of several workers it is, or how much.
 */
#ifndef PLATEN_TESTS_FUZZ_WORKERS_H
#define PLATEN_TESTS_FUZZ_WORKERS_H

#include <stdint.h>

enum fuzz_worker {
	WORKER_CHANNEL,
	WORKER_WATCH,
	WORKER_SUBMIT,
	WORKER_FETCH,
	WORKER_VIRT,
};

enum workers_operation {
	WORKERS_SAY,	 /* who, type (from 200 on: 1000 and more), how, patches (actors.h) */
	WORKERS_RAW,	 /* who, the message */
	WORKERS_LEAVE,	 /* who, its exit status */
	WORKERS_FULL,	 /* who does not read any more */
	WORKERS_ROOM,	 /* who has read */
	WORKERS_TIME,	 /* so many seconds, squared, pass */
	WORKERS_CONNECT, /* a guest's channel begins: odd: of the settings, even: of libvirt */
	WORKERS_MODE,
};

enum workers_how {
	SAY_LARGEST = 1,
	SAY_DESCRIPTOR = 2,
};

#endif
