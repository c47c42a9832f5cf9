/* SPDX-License-Identifier: Apache-2.0 */
/* Text of Windows-type print servers: device URIs (smbspool(8)) and names of files in print$. */
#ifndef PLATEN_SMB_PARSE_H
#define PLATEN_SMB_PARSE_H

#include <stdbool.h>
#include <stddef.h>

/* The parts of smb://[user[:password]@][workgroup/]server[:port]/printer, decoded. */
struct smb_uri {
	char user[128], password[128], workgroup[64], server[256], port[6], printer[256];
};

#define SMB_FILES_MAX 64 /* of a driver that are remembered */

/* A driver as rpcclient(1) prints it, for one architecture. Texts are valid UTF-8 and one line. */
struct smb_driver {
	char name[128], architecture[64];
	char version[48];  /* "1.2.3.4" of the vendor's; where he gave none "type 3" */
	char ppd[256];	   /* the path within print$ of its PPD; empty: it has none */
	char catalog[128]; /* the file that would hold its signature; empty: none */
	bool is_signed;	   /* it has a catalog, or the server calls it a package: nobody checked */
	unsigned int file_count; /* of `files`, which holds names without their folders */
	char files[SMB_FILES_MAX][64];
};

/* Whether a device URI is that of a printer at a Windows-type print server. */
bool smb_is_uri(const char *uri);

/* Takes a device URI apart; false when it is none, or a part is not in order. */
bool smb_parse_uri(const char *uri, struct smb_uri *ret_uri);

/*
 * The path within print$ (with '/') of a file that the server names by its UNC path
 * (\\server\print$\x64\3\file.ppd, MS-RPRN 2.2.1.5.3). False when it is elsewhere, or has anything
 * but plain names: no "..", and no character that smbclient(1) reads as more than a name.
 */
bool smb_parse_path(const char *untrusted_unc, char *buf, size_t size);

/*
 * Reads what `getdriver PRINTER 8` (or 3) of rpcclient(1) prints, a section for each architecture:
 * the one with a PPD is taken, then the one for x64, then the first. False without any section.
 */
bool smb_parse_driver(const char *untrusted_text, struct smb_driver *ret_driver);

#endif
