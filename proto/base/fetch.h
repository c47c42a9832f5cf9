/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platend asks of platen-fetch and what it hears back. It stands here because the two share
 * nothing else: drivers-fetch sees only proto/base.
 *
 * One platen-fetch serves one printer: it receives one FETCH_GET at IPC_FD, answers one
 * FETCH_RESULT, and exits 0. Its end without a result is a failure.
 */
#ifndef PLATEN_BASE_FETCH_H
#define PLATEN_BASE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/ipc.h"

enum fetch_message {
	FETCH_GET = 1,
	FETCH_RESULT,
	FETCH_ADD,   /* struct ipc_head, with the descriptor of a driver that an admin has: cleaned
			and stored as any other, answered by a RESULT */
	FETCH_KEEP,  /* struct ipc_head, with a package's descriptor: answered by a RESULT */
	FETCH_PRUNE, /* struct fetch_prune, with a descriptor of digests: answered by a RESULT,
			whose size is the number of drivers that were removed */
};

/* Which cleaning a driver has been through: raised whenever the same original makes another driver.
 * One with another number is cleaned anew: fetched whether it has changed or not, or, when it was
 * added by hand, from what was added. */
#define FETCH_CLEANER 2

enum fetch_provenance {
	FETCH_SERVER = 1, /* the print server that the device URI names */
	FETCH_DEVICE,
	FETCH_HOST, /* the host's own queue */
	FETCH_GENERIC,
	FETCH_MANUAL,
};

#define FETCH_SOURCES_MAX 8

#define FETCH_LANGUAGES_MAX 8
#define FETCH_LANGUAGE_SIZE 16 /* of one, terminated */

/* What stands before each catalogue of names but the first, where platen-fetch hands several to
 * platen-device: a control character, so that no name begins so. */
#define NAMES_MARK	"\x01"
#define NAMES_MARK_SIZE (FETCH_LANGUAGE_SIZE + 4)

/* owner → platen-fetch; the store's directory comes as argv[1] (see platen-fetch(8)). */
struct fetch_get {
	struct ipc_head head;
	char queue[128];       /* the host's queue name, text_is_queue() */
	char device_uri[1024]; /* of that queue; may carry credentials, never logged whole */
	char cups_socket[108]; /* the host's cupsd */
	/* What to try, in this order: enum fetch_provenance; 0 ends it, and fills it up. */
	uint8_t sources[FETCH_SOURCES_MAX];
	/* What is known of the server that the device URI names; empty: nothing. */
	char pin[256];	       /* of its public key, as CURLOPT_PINNEDPUBLICKEY(3) has it */
	char credentials[256]; /* user:password; for TLS only, never logged */
	uint32_t negotiate;    /* bool: Kerberos, RFC 4559 */
	char languages[128];   /* of a device's own names, fetch_languages_parse() */
	uint32_t known;	       /* enum fetch_provenance of the driver in use, 0: none */
};

/* owner → platen-fetch: remove what has not been in use for so many days (0: nothing). The
 * descriptor is of a file with `count` digests of 32 bytes: the drivers that are in use now,
 * cleaned and whole, and those that were added by hand. */
struct fetch_prune {
	struct ipc_head head;
	uint32_t days, count;
};

enum fetch_code {
	FETCH_OK = 1,	 /* new or changed, now in the store */
	FETCH_UNCHANGED, /* the source says, or its bytes show, that it is what the store has */
	FETCH_MISSING,	 /* no source has a driver (a raw queue, 404 everywhere) */
	FETCH_REFUSED,	 /* there is one, and it was refused: see text */
	FETCH_FAILED,	 /* no source answered properly: see text, try again later */
};

/* platen-fetch → owner. */
struct fetch_result {
	struct ipc_head head;
	uint32_t code;	      /* enum fetch_code */
	uint32_t provenance;  /* enum fetch_provenance, with OK and UNCHANGED */
	uint32_t size;	      /* bytes of the cleaned PPD, unpacked */
	uint32_t packed_size; /* bytes of the stored gzip file */
	uint8_t sha256[32];   /* of the cleaned PPD, unpacked */
	char make_model[256]; /* its NickName, one line */
	char source[512];     /* URL or path, without credentials, one line */
	char text[512];	      /* one line for people: what happened and what to do */
	/* The driver whole, for a workspace that renders by itself; 0: it has no filter to bring.
	 */
	uint32_t whole_size, whole_packed_size;
	uint8_t whole_sha256[32];
	char filters[256]; /* that it names, comma-separated keywords */
	/* Its *1284DeviceID, device_id_is_sound() or empty: of a driver that was added by hand.
	   Last: a ledger may hold shorter ones of an older Platen. */
	char device_id[256];
};

/* Reads `server, device, host, generic` or a part of it, in the order to try. False, and nothing
 * written: not that, or one twice. */
bool fetch_sources_parse(const char *words, uint8_t ret_sources[static FETCH_SOURCES_MAX]);

/* Reads languages (RFC 5646: a language, and a region), "de, zh-TW", into "de,zh-tw". False, and
 * nothing written: not that, too many, or one twice. Empty: none. */
bool fetch_languages_parse(const char *words, char *buf, size_t size);

/* Reads one line user:password from a file that only its owner may read, who is root or ourselves.
 * 0 with the rest of `buf` zeroed; -EPERM: others may read it; -EBADMSG: it holds something else;
 * other -errno. The caller wipes `buf` (explicit_bzero(3)). */
int fetch_credentials_read(const char *path, char *buf, size_t size);

/* The store: DIR/<sha256 in hex>.ppd.gz is the cleaned driver (gzip, RFC 1952, mtime 0: the same
 * driver is the same file), DIR/<sha256>.json its provenance, DIR/sources/ what makes a
 * conditional GET possible,
 * DIR/windows/ what Windows-type print servers have,
 * DIR/whole/ which whole driver, in a file like any other, goes with a source,
 * DIR/originals/<sha256>.gz what an admin added by hand. Files are made whole (O_EXCL, fsync,
 * rename) and mode 0644; who changes more than one holds flock(2) on DIR. */

#endif
