/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predicates and escapes for text from elsewhere.
 *
 * One decoder walks UTF-8 for all of them, so that what is "a character" is decided in one place.
 * Nothing here repairs a name: what is not allowed is refused by the caller, and what is merely
 * shown is escaped. Only text_copy_line() replaces, and only for our own programs' prose.
 */
#include "proto/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Length of the well-formed character at s (1 to 4) with its code point, or 0. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *ret_cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t cp;
	size_t n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80) {
		*ret_cp = s[0];
		return 1;
	}
	if (s[0] >= 0xC2 && s[0] <= 0xDF) {
		n = 2;
		cp = s[0] & 0x1F;
	} else if ((s[0] & 0xF0) == 0xE0) {
		n = 3;
		cp = s[0] & 0x0F;
	} else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
		n = 4;
		cp = s[0] & 0x07;
	} else {
		return 0;
	}
	if (len < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3F);
	}
	if (cp < least[n] || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
		return 0;
	*ret_cp = cp;
	return n;
}

static bool is_line_char(uint32_t cp)
{
	if (cp < 0x20 || (cp >= 0x7F && cp <= 0x9F))
		return false;
	if (cp == 0x2028 || cp == 0x2029)
		return false;
	return !((cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069));
}

bool text_terminated(const char *s, size_t size)
{
	size_t len = strnlen(s, size);

	return len < size && text_is_zero(s + len, size - len);
}

/* By comparing with itself one further: the C library takes 32 bytes at a time for that. */
bool text_is_zero(const void *bytes, size_t size)
{
	const char *s = bytes;

	return size == 0 || (s[0] == '\0' && memcmp(s, s + 1, size - 1) == 0);
}

bool text_is_utf8(const char *s, size_t len)
{
	uint32_t cp;

	while (len) {
		size_t n = decode((const unsigned char *)s, len, &cp);

		if (n == 0 || cp == 0)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

bool text_is_line(const char *s)
{
	size_t len = strlen(s);
	uint32_t cp;

	while (len) {
		size_t n = decode((const unsigned char *)s, len, &cp);

		if (n == 0 || !is_line_char(cp))
			return false;
		s += n;
		len -= n;
	}
	return true;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool all_of(const char *s, size_t max, const char *also)
{
	size_t len = strlen(s);

	if (len == 0 || len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && !strchr(also, s[i]))
			return false;
	return true;
}

bool text_is_keyword(const char *s)
{
	return all_of(s, 127, "._-");
}

bool text_is_queue(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > 127 || s[0] == '-' || s[0] == '.')
		return false;
	return text_is_line(s) && !strpbrk(s, " /#?\\\"'<>&");
}

bool text_is_mime(const char *s)
{
	const char *slash = strchr(s, '/');

	if (!slash || !is_alnum(s[0]) || !is_alnum(slash[1]) || strchr(slash + 1, '/'))
		return false;
	return all_of(s, 127, "/!#$&-^_.+");
}

bool text_is_user(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || (!is_alnum(s[0]) && s[0] != '_') || s[len - 1] == ' ')
		return false;
	return all_of(s, 63, "_.@-+ ");
}

char *text_escape(const char *s, char *buf, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = strlen(s), used = 0;
	uint32_t cp;

	if (size < 4) {
		if (size)
			buf[0] = '\0';
		return buf;
	}
	while (len) {
		size_t n = decode((const unsigned char *)s, len, &cp);
		bool plain = n && is_line_char(cp) && cp != '\\';
		size_t step = n ? n : 1, need = plain ? step : 4 * step;

		/* Room for "..." is kept unless this is the end of the text. */
		if (used + need + (len > step ? 4 : 1) > size) {
			memcpy(buf + used, "...", size - used > 3 ? 4 : size - used);
			buf[size - 1] = '\0';
			return buf;
		}
		if (plain) {
			memcpy(buf + used, s, step);
			used += step;
		} else {
			for (size_t i = 0; i < step; i++) {
				unsigned char c = (unsigned char)s[i];

				buf[used++] = '\\';
				buf[used++] = 'x';
				buf[used++] = hex[c >> 4];
				buf[used++] = hex[c & 15];
			}
		}
		s += step;
		len -= step;
	}
	buf[used] = '\0';
	return buf;
}

/* The most of the `len` bytes that do not end within a character that goes on behind them. */
static size_t whole(const char *s, size_t len)
{
	size_t back = 0;
	unsigned char lead;

	while (back < 3 && back < len && ((unsigned char)s[len - 1 - back] & 0xC0) == 0x80)
		back++;
	if (back == len)
		return len;
	lead = (unsigned char)s[len - 1 - back];
	if (lead >= 0xC2 && back + 1 < (lead < 0xE0 ? 2u : lead < 0xF0 ? 3u : 4u))
		return len - 1 - back;
	return len;
}

int text_copy(char *buf, size_t size, const char *s)
{
	size_t len = strlen(s), keep = len < size ? len : whole(s, size - 1);

	memcpy(buf, s, keep);
	memset(buf + keep, 0, size - keep);
	return keep == len ? 0 : -E2BIG;
}

void text_copy_line(char *buf, size_t size, const char *s)
{
	size_t len = strlen(s), used = 0;
	uint32_t cp;

	while (len) {
		size_t n = decode((const unsigned char *)s, len, &cp);
		bool plain = n && is_line_char(cp);
		size_t step = n ? n : 1, need = plain ? step : 1;

		if (used + need >= size)
			break;
		if (plain)
			memcpy(buf + used, s, step);
		else
			buf[used] = ' ';
		used += need;
		s += step;
		len -= step;
	}
	while (used && buf[used - 1] == ' ')
		used--;
	memset(buf + used, 0, size - used);
}

static const char digits[] = "0123456789abcdef";

void text_hex(const void *bytes, size_t size, char *buf)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < size; i++) {
		buf[2 * i] = digits[b[i] >> 4];
		buf[2 * i + 1] = digits[b[i] & 0xf];
	}
	buf[2 * size] = '\0';
}

bool text_unhex(const char *hex, void *ret_bytes, size_t size)
{
	uint8_t *b = ret_bytes;

	for (size_t i = 0; i < 2 * size; i++) {
		const char *digit = hex[i] ? strchr(digits, hex[i]) : NULL;

		if (!digit)
			return false;
		b[i / 2] = (uint8_t)(i % 2 ? b[i / 2] | (digit - digits) : (digit - digits) << 4);
	}
	return true;
}

int text_printf(char *buf, size_t size, const char *format, ...)
{
	va_list ap;
	size_t keep;
	int n;

	va_start(ap, format);
	n = vsnprintf(buf, size, format, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	if ((size_t)n < size) {
		memset(buf + n, 0, size - (size_t)n);
		return 0;
	}
	keep = whole(buf, size - 1);
	memset(buf + keep, 0, size - keep);
	return -E2BIG;
}
