/* SPDX-License-Identifier: Apache-2.0 */
/* A PPD as a list of statements, between ppd-parse.c, which reads, and ppd.c, which judges. */
#ifndef PLATEN_PPD_MODEL_H
#define PLATEN_PPD_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `*locale.keyword option/text: value`, the value quoted or not. NULL: not there. All texts are
 * terminated, but otherwise as they came. */
struct ppd_statement {
	char *keyword, *option, *text, *value;
	bool quoted;
	unsigned int line;
};

/* Reads the next statement of `text`, which it cuts up in place; `*pos` starts at 0, `*line` at 1.
 * 1; 0 at the end; -EBADMSG with a reason. */
int ppd_parse_next(char *text, size_t size, size_t *pos, unsigned int *line,
	struct ppd_statement *ret_statement, const char **ret_why);

#endif
