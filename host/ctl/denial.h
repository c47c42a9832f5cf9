/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's lines about what a security module refused (AppArmor, SELinux), where Platen is
 * concerned. */
#ifndef PLATEN_CTL_DENIAL_H
#define PLATEN_CTL_DENIAL_H

#include <stdbool.h>

/* What one line says; what it does not have is "". All of it is untrusted: show it escaped. */
struct denial {
	bool selinux;
	char who[64];	    /* comm: the program's name, at most 15 bytes */
	char profile[128];  /* AppArmor: profile; SELinux: scontext */
	char operation[64]; /* AppArmor: operation; SELinux: what stands in braces */
	char name[256];	    /* the file or socket; hexadecimal where it has odd bytes */
};

/*
 * Reads a line of the audit subsystem, type 1400 (AVC), as the kernel's log or the journal has it:
 *   apparmor="DENIED" operation="open" profile="platend" name="/x" pid=1 comm="platend" ...
 *   avc:  denied  { read } for  pid=1 comm="platend" name="x" ... scontext=... tcontext=...
 * True when something was refused to a program of Platen's, or to another at Platen's files.
 */
bool denial_read(const char *untrusted_line, struct denial *ret_denial);

#endif
