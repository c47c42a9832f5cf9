/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that came from somewhere else: is it what it should be, and how is it shown.
 *
 * The text_is_* functions are pure predicates and never repair: a repair can make two names one.
 * Each takes a NUL-terminated string that is known to be terminated (see text_terminated()).
 */
#ifndef PLATEN_BASE_TEXT_H
#define PLATEN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a NUL stands within the first `size` bytes, and only NULs after it up to `size`
 * (so that a fixed array can be compared and hashed as a whole). */
bool text_terminated(const char *s, size_t size);

/* Whether all bytes are zero. */
bool text_is_zero(const void *bytes, size_t size);

/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms) of `len` bytes, without NUL. */
bool text_is_utf8(const char *s, size_t len);

/* One line of UTF-8: no C0 or C1 control character, no DEL, no U+2028/U+2029, no bidirectional
 * override (U+202A..U+202E, U+2066..U+2069). The empty string is one. */
bool text_is_line(const char *s);

/* An IPP keyword (RFC 8011 5.1.4): [a-z0-9._-]+, also accepts upper case, which PPD names have. */
bool text_is_keyword(const char *s);

/* A CUPS queue name (lpadmin(8)): 1 to 127 bytes of one-line UTF-8, no space, '/', '#', '?', '\\',
 * quote, '<', '>' or '&', not beginning with '-' or '.'. */
bool text_is_queue(const char *s);

/* A MIME media type `type/subtype`, each beginning with a letter or digit (RFC 6838 4.2), at most
 * 127 bytes, no parameters. */
bool text_is_mime(const char *s);

/* A POSIX-like user name as Platen submits it: [A-Za-z0-9_][A-Za-z0-9_.@-]*, at most 63 bytes,
 * spaces and '+' allowed inside. */
bool text_is_user(const char *s);

/*
 * Copies `s` into `buf` for a log line or a terminal: bytes that text_is_line() would refuse, and
 * the backslash, become \xNN; a cut is marked with "...". Always terminates. Returns buf.
 */
char *text_escape(const char *s, char *buf, size_t size);

/* Copies at most size-1 bytes, cut at a character's border, rest zeroed. 0, or -E2BIG when cut. */
int text_copy(char *buf, size_t size, const char *s);

/* As text_copy(), and every character that text_is_line() would refuse becomes a space: for text
 * of our own side's programs (cupsd, libvirt) that may carry anything. */
void text_copy_line(char *buf, size_t size, const char *s);

/* Bytes as lower-case hexadecimal digits, two each, and a NUL: `buf` has 2 * size + 1. */
void text_hex(const void *bytes, size_t size, char *buf);

/* The reverse: whether the first 2 * size characters are such digits. */
bool text_unhex(const char *hex, void *ret_bytes, size_t size);

/* printf into a fixed array with its tail zeroed. 0, or -E2BIG when cut (at a character's border,
 * so that a line of UTF-8 stays one). */
int text_printf(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
