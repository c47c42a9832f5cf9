/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script of fuzz-agent.c: steps of an operation, its argument, a length of two bytes,
 * little-endian, and so many bytes.
 */
#ifndef PLATEN_TESTS_FUZZ_AGENT_H
#define PLATEN_TESTS_FUZZ_AGENT_H

#include <stdint.h>

enum agent_operation {
	AGENT_HOST_SAYS,     /* type, how (1: the largest), patches (actors.h) */
	AGENT_DRIVER_COMES,  /* the one that right_printer() names, cut off at that many bytes */
	AGENT_BYTES_COME,    /* what was asked for last is these bytes; odd: a package */
	AGENT_HOST_LEAVES,   /* odd: with a BYE; it is back with the next step that needs it */
	AGENT_WORKER_SAYS,   /* who, type, patches */
	AGENT_WORKER_LEAVES, /* who, exit status */
	AGENT_JOB_COMES,     /* a backend, with a document of so many bytes: patches of its open */
	AGENT_BACKEND_SAYS,  /* which; the message, of any bytes */
	AGENT_BACKEND_LEAVES,
	AGENT_PERSON_SAYS,   /* at the socket for answers: the message, of any bytes */
	AGENT_PACKAGE_COMES, /* likewise the package */
	AGENT_TIME,	     /* so many seconds, squared, pass */
};

enum agent_worker {
	AGENT_QUEUES,
	AGENT_ASK,
	AGENT_INSTALL,
};

#endif
