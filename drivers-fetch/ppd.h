/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleaning a driver: a PPD (Adobe PPD 4.3; CUPS extensions) is parsed into a list of typed
 * statements by an allow-list, and a new PPD is written from that list.
 *
 * Nothing is copied that the model does not know. Programs, command lines, includes, paths, dialog
 * extensions, PJL and PostScript code do not pass: the workspace runs no filter. What passes is
 * every option with its choices, texts, defaults and constraints, and every paper.
 */
#ifndef PLATEN_PPD_H
#define PLATEN_PPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PPD_SIZE_MAX	  (4 * 1024 * 1024) /* bytes unpacked; the largest of Debian's is 482 K */
#define PPD_STATEMENT_MAX 100000	    /* statements kept */
#define PPD_OPTIONS_MAX	  2000		    /* OpenUI; hplip's largest has some 60 */
#define PPD_LINE_MAX	  65536		    /* bytes of one line */
#define PPD_WORD_MAX	  127		    /* bytes of a keyword or choice (the format says 40) */
#define PPD_WORDS_MAX	  4096		    /* bytes of a value of many words */
#define PPD_TEXT_MAX	  255		    /* bytes of a text shown to people */

struct ppd_report {
	unsigned int kept, dropped; /* statements */
	char model[256];	    /* NickName, else ModelName; one line */
	char device_id[256];	    /* *1284DeviceID, device_id_is_sound(); empty: none */
	char why[256];		    /* when refused: line and reason */
	char filters[256];	    /* of a whole driver: "rastertoqpdl,pstops" */
};

/* Called for each statement that is left out: its keyword, escaped, and the reason. */
typedef void ppd_dropped_fn(
	const char *keyword, unsigned int line, const char *reason, void *userdata);

/*
 * Cleans `size` bytes, plain or gzip (RFC 1952). Gives a malloc'ed text of ret_size bytes.
 * 0; -EBADMSG: refused, report->why says why; -ENOMEM. `on_dropped` may be NULL.
 */
int ppd_clean(const uint8_t *untrusted_bytes, size_t size, ppd_dropped_fn *on_dropped,
	void *userdata, struct ppd_report *report, char **ret_text, size_t *ret_size);

/*
 * The same for a workspace that renders by itself: filter lines whose program is a bare name, the
 * filters' own attributes and invocation code pass too (ppd-whole.h). A driver that has no such
 * filter leaves report->filters empty.
 */
int ppd_clean_whole(const uint8_t *untrusted_bytes, size_t size, ppd_dropped_fn *on_dropped,
	void *userdata, struct ppd_report *report, char **ret_text, size_t *ret_size);

/* Unpacks gzip, at most `max` bytes of it. 0; -EFBIG; -EBADMSG: damaged or cut. */
int ppd_gunzip(const uint8_t *untrusted_bytes, size_t size, size_t max, uint8_t **ret_bytes,
	size_t *ret_size);

#endif
