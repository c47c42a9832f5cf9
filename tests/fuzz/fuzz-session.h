/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script of fuzz-session.c: a byte for the side (1: guest) and the port (2: persistent), then
 * steps of an operation, a length of two bytes, little-endian, and so many bytes.
 */
#ifndef PLATEN_TESTS_FUZZ_SESSION_H
#define PLATEN_TESTS_FUZZ_SESSION_H

#define SESSION_NONCE 0x5A /* every byte of every nonce */

enum session_operation {
	SESSION_RAW,   /* the peer sends the bytes */
	SESSION_FRAME, /* the peer sends them as a frame's payload */
	SESSION_TOKEN, /* the peer sends a token: kind, a byte for each nonce */
	SESSION_TIME,  /* a tenth of a second passes for each byte that there should be */
	SESSION_ACT,   /* the owner acts: a message type and its size, or one of the below */
	SESSION_PEER,  /* another peer takes the place of this one; odd length: at once */
};

enum session_act {
	SESSION_CLOSE = 100,
	SESSION_RESTART,
	SESSION_KEEPALIVE,
	SESSION_READ, /* the peer reads what there is */
};

#endif
