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

/* Takes a device URI apart; false when it is none, or a part is not in order. */
bool smb_parse_uri(const char *uri, struct smb_uri *ret_uri);

/*
 * The path within print$ (with '/') of a file that the server names by its UNC path
 * (\\server\print$\x64\3\file.ppd, MS-RPRN 2.2.1.5.3). False when it is elsewhere, or has anything
 * but plain names: no "..", and no character that smbclient(1) reads as more than a name.
 */
bool smb_parse_path(const char *untrusted_unc, char *buf, size_t size);

#endif
