/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platenctl: asks platend, and has it do things.
 *
 * Everything is in ctl_main(), where unit tests reach it too. Only what belongs to the process is
 * set here: widths of characters are those of UTF-8, whatever the locale's language is.
 */
#include <locale.h>

#include "host/ctl/ctl.h"

int main(int argc, char **argv)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		(void)setlocale(LC_CTYPE, "");
	return ctl_main(argc, argv);
}
