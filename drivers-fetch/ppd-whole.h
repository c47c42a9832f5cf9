/* SPDX-License-Identifier: Apache-2.0 */
/* What passes in a driver that the workspace gets whole, beyond what a cleaned one has. */
#ifndef PLATEN_PPD_WHOLE_H
#define PLATEN_PPD_WHOLE_H

#include <stdbool.h>
#include <stddef.h>

#define PPD_CODE_MAX	 8192 /* bytes of one invocation; Debian's longest has some 4,000 */
#define PPD_FILTERS_SIZE 256  /* names of a driver's filters, comma-separated */

/* What is ours in every whole PPD. */
extern const char ppd_whole_head[];

/*
 * A filter line (CUPS PPD extensions: cupsFilter, cupsFilter2, cupsPreFilter) written anew from its
 * parts into `line`, its program's name added to `filters` unless it is there or is "-". False,
 * with the reason, when it is none, or names more than a program of ServerBin/filter.
 */
bool ppd_filter_write(const char *keyword, const char *value, char *line, size_t size,
	char filters[static PPD_FILTERS_SIZE], const char **ret_why);
bool ppd_is_filter(const char *keyword);

/* Whether invocation code, PostScript or JCL, is bounded printable text: what it means is the
 * guest's filters' business. */
bool ppd_code_is_sound(const char *value);

/* Whether an attribute that only the driver's own filters know may pass; false: the reason. */
bool ppd_attribute_passes(const char *keyword, const char *value, const char **ret_why);

#endif
